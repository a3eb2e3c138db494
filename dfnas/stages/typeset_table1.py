"""Write Table 1 to be read: in Markdown, with the classes that lose most against the teacher, and in LaTeX with the
rules of booktabs."""

import sys
from pathlib import Path

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import read_csv, write_bytes
from dfnas.stages.class_losses import read_losses
from dfnas.stages.command import Job, Stage
from dfnas.tables.classes import sentence
from dfnas.tables.table1 import COLUMNS, LATEX, MARKDOWN, typeset

STAGE = Stage("typeset_table1", __doc__, None)
STAGE.argument("--table", type=Path, required=True, metavar="FILE", help="the table, CSV")
STAGE.argument("--classes", type=Path, required=True, metavar="FILE", help="accuracy by row and class, CSV")
STAGE.argument("--out", type=Path, required=True, metavar="FILE", help="the same in Markdown")
STAGE.argument("--latex", type=Path, required=True, metavar="FILE", help="the same in LaTeX")


def typeset_table1(job: Job) -> None:
    options = job.options
    rows, losses = read_csv(options.table, COLUMNS), read_losses(options.classes)
    try:
        table = typeset(rows, MARKDOWN)
        texts = {options.latex: typeset(rows, LATEX), options.out: f"{table}\n{sentence(losses)}"}
    except (TypeError, ValueError) as error:
        raise InputError(f"{options.table} has a figure that is none: {error}; delete it to rebuild it") from error
    for path, text in texts.items():
        write_bytes(path, text.encode())


if __name__ == "__main__":
    sys.exit(STAGE.main(typeset_table1))
