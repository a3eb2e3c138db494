"""Write Table 1 to be read: in Markdown, with the classes that lose most against the teacher, in LaTeX with the rules
of booktabs, and as a page of HTML, with what searches and networks cost as another."""

import sys
from pathlib import Path

from dfnas.artifacts.per_class import ClassAccuracy
from dfnas.artifacts.table1 import Table1Row
from dfnas.artifacts.table1_times import CostRow
from dfnas.runtime.files import write_bytes
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.tables.classes import losses, sentence
from dfnas.tables.table1 import LATEX, MARKDOWN, page, times_page, typeset

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
    rows = [row.texts() for row in Table1Row.read(options.table)]
    times = [row.texts() for row in CostRow.read(options.times)]
    lost = sentence(losses(ClassAccuracy.read(options.classes)))
    texts = {
        options.times_page: times_page(times),
        options.page: page(rows),
        options.latex: typeset(rows, LATEX),
        options.out: f"{typeset(rows, MARKDOWN)}\n{lost}",
    }
    for path, text in texts.items():
        write_bytes(path, text.encode())


if __name__ == "__main__":
    sys.exit(STAGE.main(typeset_table1))
