"""Plot regret against budget: what searches found by algorithm and data, beside yardsticks and AZ-NAS."""

import sys
from pathlib import Path

from dfnas.artifacts.budgets import BudgetRow
from dfnas.artifacts.picture import write_picture
from dfnas.pictures.budgets import budgets_png
from dfnas.runtime.errors import InputError, rebuild
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

STAGE = Stage("draw_budgets", __doc__, None)
STAGE.argument("--results", type=Path, required=True, metavar="FILE", help="results under budgets, CSV")
STAGE.output("--out", required=True, help="the picture, PNG")


def draw_budgets(job: Job[None]) -> None:
    rows = BudgetRow.read(job.options.results)
    if not rows:
        raise InputError(f"{job.options.results} has no row; {rebuild(job.options.results)}")
    write_picture(job.options.out, budgets_png(rows), job.provenance())


if __name__ == "__main__":
    sys.exit(STAGE.main(draw_budgets))
