"""What a search may spend, from its settings and the files that they ask for."""

from pathlib import Path

from dfnas.artifacts.latency_table import load_latency_table
from dfnas.runtime.errors import InputError
from dfnas.search.budget import Budget
from dfnas.spaces.costs import CostTable
from dfnas.spaces.space import Space
from dfnas.stages.command import Stage
from dfnas.stages.job import Job


def add_latency_argument(stage: Stage) -> None:
    """Adds `--latency`, the file of the space's latency table, to a search."""
    stage.argument("--latency", type=Path, metavar="FILE", help="latency table, where the settings ask for it")


def budget_of(job: Job, space: Space) -> tuple[Budget, CostTable | None]:
    """The checked budget of a search's settings, and the latency table where the settings ask for one.

    Raises:
        InputError: no table where one is needed, see also `load_latency_table` and `Budget.check`.
    """
    settings, path = job.settings, job.options.latency
    if settings.needs_latency and path is None:
        raise InputError("the settings speak of milliseconds: give --latency, the table that measure_options makes")
    latency = load_latency_table(path, settings.space, space) if settings.needs_latency else None
    budget = Budget(space, settings.budget, latency)
    budget.check()
    return budget, latency
