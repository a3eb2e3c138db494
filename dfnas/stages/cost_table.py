"""Count what every architecture of a table of true accuracies costs, and see before anything long runs that the table
is of the searched space.

Multiply-accumulates and weights are those of the space's networks; milliseconds those of its latency table, where a
budget is in them. No search waits for this: nothing that is made but tables of results has seen the table.
"""

import sys
from pathlib import Path

from dfnas.artifacts.architecture_costs import ArchitectureCosts, costs_of
from dfnas.artifacts.latency_table import load_latency_table
from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.measure.yardsticks import yardsticks
from dfnas.runtime.errors import InputError
from dfnas.runtime.seeds import python_random
from dfnas.settings.lookup import LookupSettings
from dfnas.settings.search import SpaceSettings
from dfnas.spaces.costs import CostTable
from dfnas.spaces.names import reference
from dfnas.spaces.registry import make
from dfnas.spaces.space import Space
from dfnas.stages.budgets import add_budgets
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import add_task, section, task_of

STAGE = Stage("cost_table", __doc__, LookupSettings)
add_task(STAGE)
STAGE.argument(
    "--spaces",
    type=section,
    required=True,
    metavar="JSON",
    help="by search the space, name and options, as in its section",
)
add_budgets(STAGE)
STAGE.argument("--latency", type=Path, metavar="FILE", help="latency table of the space, where a budget is in it")
STAGE.output("--out", required=True, help="what each architecture of the table costs, CSV")


def cost_table(job: Job[LookupSettings]) -> None:
    options = job.options
    tables = AccuracyTable.read_all(job.settings)
    architectures = list(tables[job.settings.column].accuracies)
    job.reads(job.settings.file())
    lines: list[ArchitectureCosts] = []
    first = ""
    for search, said in options.spaces.items():
        settings = SpaceSettings.parse(said, f"{search}.space")
        space = make(settings.name, task_of(options), settings.options)
        job.reads(code=[reference(settings.name)])
        latency = load_latency_table(options.latency, settings, space) if options.latency and not lines else None
        costed = [_costed(architecture, space, latency, search, job.settings) for architecture in architectures]
        for own, other in zip(costed, lines, strict=bool(lines)):
            if (own.macs_m, own.params_m) != (other.macs_m, other.params_m):
                raise InputError(
                    f"the spaces of {first} and {search} differ: {own.architecture} has {other.macs_m:g} and "
                    f"{own.macs_m:g} M MACs; lookup compares searches of one space, give them the same sizes"
                )
        lines, first = lines or costed, first or search
    costs = costs_of(lines)
    for budget in options.budgets:
        for table in tables.values():
            yardsticks(table.values(), costs, budget.plain(), ())
    ArchitectureCosts.write(options.out, lines)


def _costed(
    text: str, space: Space, latency: CostTable | None, search: str, settings: LookupSettings
) -> ArchitectureCosts:
    """What one costs. Raises InputError where it is not of the space, or the space cannot read what it writes."""
    where = f"{settings.table}, column {settings.architecture_column}: '{text}'"
    try:
        architecture = space.from_string(text)
    except InputError as error:
        raise InputError(
            f"{where} is not of the space of {search}: {error}; expected a notation such as "
            f"{space.to_string(_any(space))}"
        ) from error
    if space.to_string(architecture) != text:
        raise InputError(f"{where}: the space of {search} writes it {space.to_string(architecture)}; write it so")
    return ArchitectureCosts(
        architecture=text,
        macs_m=space.macs(architecture) / 1e6,
        params_m=space.parameters_table().of(architecture) / 1e6,
        latency_ms=None if latency is None else latency.of(architecture),
        learns_nothing=space.learns_nothing(architecture),
    )


def _any(space: Space) -> dict[str, str]:
    """Some architecture of a space."""
    return space.sample(python_random(0, "notation"))


if __name__ == "__main__":
    sys.exit(STAGE.main(cost_table))
