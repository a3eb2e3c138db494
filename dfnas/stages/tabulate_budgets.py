"""Gather what searches and training-free proxies found under each budget, beside the yardsticks that need no search.

The table of true accuracies says what each find is worth: its *regret* is the best accuracy within the budget minus
its own, in points. A proxy's find is the best by it of the candidates that were drawn. Data sets that differ in
nothing but seeds are syntheses of one kind: a row is the mean over them, and where there are two or more its interval
is by what differs between them, else by what differs between seeds. Beside that each search is held against what
stands still: the largest in the budget, the best of random draws near it, and AZ-NAS with SynFlow, run by run.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dfnas.artifacts.architecture_costs import ArchitectureCosts, costs_of
from dfnas.artifacts.budgets import BudgetRow, BudgetRun, FoundBy, FoundWithin, PairedRow, budget_of
from dfnas.artifacts.proxy_scores import known_to, read_candidates
from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.measure.yardsticks import label, yardsticks
from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import write_bytes
from dfnas.settings.lookup import LookupSettings
from dfnas.settings.search import BudgetSettings
from dfnas.stages.budgets import add_budgets, add_kinds, add_proxies
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.tables.budget_rows import Yardsticks, paired_rows, rows_of
from dfnas.tables.budgets import page

STAGE = Stage("tabulate_budgets", __doc__, LookupSettings)
STAGE.argument("--costs", type=Path, required=True, metavar="FILE", help="costs of the table's architectures, CSV")
STAGE.argument("--found", type=Path, nargs="*", default=[], metavar="FILE", help="what searches found, CSV, one a run")
add_proxies(STAGE)
add_budgets(STAGE)
add_kinds(STAGE)
STAGE.output("--out", required=True, help="a row for each budget and for each search, proxy and yardstick, CSV")
STAGE.output("--raw", required=True, help="every single run, CSV")
STAGE.output("--paired", required=True, help="searches against what stands still, run by run, CSV")
STAGE.output("--page", required=True, help="the first and the last in HTML")


def tabulate_budgets(job: Job[LookupSettings]) -> None:
    options = job.options
    tables = AccuracyTable.read_all(job.settings)
    job.reads(job.settings.file())
    lines = ArchitectureCosts.read(options.costs)
    if [line.architecture for line in lines] != list(tables[job.settings.column].accuracies):
        raise InputError(f"{options.costs} has the costs of another table; {rebuild(options.costs)}")
    costs, draws = costs_of(lines), job.settings.random_draws
    sticks = {
        (column, budget): yardsticks(table.values(), costs, budget.plain(), draws)
        for column, table in tables.items()
        for budget in options.budgets
    }
    runs = [*_searched(options.found, tables, sticks, options.kinds), *_by_proxies(options, tables, sticks)]
    rows, paired = rows_of(runs, sticks), paired_rows(runs, sticks)
    BudgetRun.write(options.raw, runs)
    PairedRow.write(options.paired, paired)
    write_bytes(options.page, page([row.texts() for row in rows], [row.texts() for row in paired]).encode())
    BudgetRow.write(options.out, rows)


def _searched(
    files: Iterable[Path], tables: Mapping[str, AccuracyTable], sticks: Yardsticks, kinds: Mapping[str, str]
) -> list[BudgetRun]:
    """What searches found, judged by each column. Raises InputError where the table does not have it, or nobody asked
    about its budget."""
    runs = []
    for path in files:
        for found in FoundWithin.read(path):
            for column, table in tables.items():
                place = (column, budget_of(found))
                if place not in sticks:
                    raise InputError(f"{path} has a budget that is not in comparison.budgets; {rebuild(path)}")
                try:
                    accuracy = table.standing(found.architecture).accuracy
                except InputError as error:
                    raise InputError(f"{path}: {error}") from error
                said = found.model_dump(exclude={"latency_ms", "search_data"})
                runs.append(_run(column, "search", accuracy, sticks[place], kinds, found.search_data, said))
    return runs


def _by_proxies(options: Any, tables: Mapping[str, AccuracyTable], sticks: Yardsticks) -> list[BudgetRun]:
    """The first of the best candidates by each proxy, judged by each column."""
    runs = []
    for candidates in read_candidates(options.proxies, options.proxy_data, options.proxy_seeds):
        for column, table in tables.items():
            known = known_to(table, candidates)
            if (column, known.budget) not in sticks or not known.lines:
                continue
            for proxy, scores in known.scores.items():
                best = known.lines[max(range(len(scores)), key=scores.__getitem__)]
                said = {name: getattr(best, name) for name in ("architecture", "macs_m", "params_m")}
                said |= known.budget.plain() | {"algorithm": proxy, "seed": known.seed}
                accuracy = table.accuracies[best.architecture]
                bests = sticks[column, known.budget]
                runs.append(_run(column, "proxy", accuracy, bests, options.kinds, known.data, said))
    return runs


def _run(
    column: str,
    found_by: FoundBy,
    accuracy: float,
    bests: Mapping[str, float],
    kinds: Mapping[str, str],
    data: str,
    said: dict[str, Any],
) -> BudgetRun:
    limits = {name: said[name] for name in BudgetSettings.model_fields}
    return BudgetRun(
        column=column,
        budget=label(limits),
        found_by=found_by,
        search_data=kinds.get(data, data),
        synthesis=data,
        accuracy=accuracy,
        regret=bests["best"] - accuracy,
        **said,
    )


if __name__ == "__main__":
    sys.exit(STAGE.main(tabulate_budgets))
