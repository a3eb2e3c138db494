"""Write Table 1 to be read: in Markdown, with the classes that lose most against the teacher, in LaTeX with the rules
of booktabs, and as a page of HTML, with what searches and networks cost as another."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import read_csv, write_bytes
from dfnas.stages.class_losses import read_losses
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.tables.classes import sentence
from dfnas.tables.table1 import COLUMNS, LATEX, MARKDOWN, TIMES_COLUMNS, Row, page, times_page, typeset

STAGE = Stage("typeset_table1", __doc__, None)
STAGE.argument("--table", type=Path, required=True, metavar="FILE", help="the table, CSV")
STAGE.argument("--times", type=Path, required=True, metavar="FILE", help="what its rows cost, CSV")
STAGE.argument("--classes", type=Path, required=True, metavar="FILE", help="accuracy by row and class, CSV")
STAGE.output("--out", required=True, help="the table in Markdown")
STAGE.output("--latex", required=True, help="the same in LaTeX")
STAGE.output("--page", required=True, help="the same in HTML")
STAGE.output("--times-page", required=True, help="the costs in HTML")


def typeset_table1(job: Job[None]) -> None:
    options = job.options
    rows, times = read_csv(options.table, COLUMNS), read_csv(options.times, TIMES_COLUMNS)
    losses = sentence(read_losses(options.classes))
    texts = {
        options.times_page: _written(options.times, times, times_page),
        options.page: _written(options.table, rows, page),
        options.latex: _written(options.table, rows, lambda rows: typeset(rows, LATEX)),
        options.out: _written(options.table, rows, lambda rows: f"{typeset(rows, MARKDOWN)}\n{losses}"),
    }
    for path, text in texts.items():
        write_bytes(path, text.encode())


def _written(path: Path, rows: Sequence[Row], write: Callable[[Sequence[Row]], str]) -> str:
    """Raises InputError where a number of the table is none."""
    try:
        return write(rows)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} has a figure that is none: {error}; {rebuild(path)}") from error


if __name__ == "__main__":
    sys.exit(STAGE.main(typeset_table1))
