"""Say how well each score orders architectures: the supernets' of SPOS, and those of training-free proxies.

A row is one statistic of one score, mean over the runs: Kendall's tau-b and Spearman's rho with the true accuracy,
partial tau given multiply-accumulates, and tau among the best quarter by true accuracy; on all architectures that the
table has, and on those that can learn something. Intervals are bootstraps over the architectures, and over runs too.
Supernets were asked about draws from the whole space; proxies about draws within each budget.
"""

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dfnas.artifacts.architecture_costs import ArchitectureCosts
from dfnas.artifacts.correlations import Among, CorrelationRow, RankedBy
from dfnas.artifacts.proxy_scores import known_to, read_candidates
from dfnas.artifacts.ranking import RankedArchitecture
from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.measure.rank_correlation import SCORES, Estimate, Scored, estimates
from dfnas.measure.yardsticks import label
from dfnas.settings.lookup import LookupSettings
from dfnas.stages.budgets import add_kinds, add_proxies
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

STAGE = Stage("tabulate_correlations", __doc__, LookupSettings)
STAGE.argument("--costs", type=Path, required=True, metavar="FILE", help="costs of the table's architectures, CSV")
STAGE.argument("--rankings", type=Path, nargs="*", default=[], metavar="FILE", help="scores by SPOS' supernets, CSV")
add_proxies(STAGE)
add_kinds(STAGE)
STAGE.output("--out", required=True, help="a row for each statistic of each score, CSV")

RANKED_BY = "spos"
"""The algorithm whose supernets rank architectures."""
ENOUGH = 4
"""Architectures, for there to be a best quarter and an order."""
Place = tuple[str, RankedBy, str, str, str]
"""Budget, what gave the scores, its name, the kind of data, the score."""


def tabulate_correlations(job: Job[LookupSettings]) -> None:
    options = job.options
    costs = {line.architecture: line for line in ArchitectureCosts.read(options.costs)}
    can_learn = {name for name, line in costs.items() if line.learns_nothing is False}
    job.reads(job.settings.file())
    rows = []
    for column, table in AccuracyTable.read_all(job.settings).items():
        runs: dict[Place, list[Scored]] = {}
        for place, run in (*_supernets(options, table, costs), *_proxies(options, table)):
            runs.setdefault(place, []).append(run)
        for place, scored in runs.items():
            rows += _rows(column, place, "all", scored)
            if can_learn:
                rows += _rows(column, place, "learning", [_only(run, can_learn.__contains__) for run in scored])
    CorrelationRow.write(options.out, rows)


def _supernets(
    options: Any, table: AccuracyTable, costs: Mapping[str, ArchitectureCosts]
) -> Iterator[tuple[Place, Scored]]:
    for path in options.rankings:
        lines = [line for line in RankedArchitecture.read(path) if line.architecture in table.accuracies]
        ranked = bool(lines) and all(line.with_ranks is not None for line in lines)
        for score in (*SCORES, *(["with_ranks"] if ranked else [])) if lines else ():
            names = [line.architecture for line in lines]
            scored = Scored(
                names,
                [getattr(line, score) for line in lines],
                [table.accuracies[name] for name in names],
                [costs[name].macs_m for name in names],
            )
            kind = options.kinds.get(lines[0].search_data, lines[0].search_data)
            yield (label({}), "supernet", RANKED_BY, kind, score), scored


def _proxies(options: Any, table: AccuracyTable) -> Iterator[tuple[Place, Scored]]:
    for candidates in read_candidates(options.proxies, options.proxy_data, options.proxy_seeds):
        known = known_to(table, candidates)
        names = [line.architecture for line in known.lines]
        true_accuracy = [table.accuracies[name] for name in names]
        for proxy, scores in known.scores.items():
            scored = Scored(names, scores, true_accuracy, [line.macs_m for line in known.lines])
            kind = options.kinds.get(known.data, known.data)
            yield (label(known.budget.plain()), "proxy", proxy, kind, proxy), scored


def _only(run: Scored, kept: Callable[[str], bool]) -> Scored:
    """Some of the architectures of a run."""
    places = [place for place, name in enumerate(run.architectures) if kept(name)]
    return Scored(
        [run.architectures[place] for place in places],
        [run.scores[place] for place in places],
        [run.true_accuracy[place] for place in places],
        [run.macs[place] for place in places],
    )


def _rows(column: str, place: Place, among: Among, runs: Iterable[Scored]) -> list[CorrelationRow]:
    """A row for each statistic; none where there are too few architectures for an order."""
    runs = [run for run in runs if len(run.architectures) >= ENOUGH]
    if not runs:
        return []
    budget, ranked_by, name, data, score = place
    return [
        CorrelationRow(
            column=column,
            budget=budget,
            ranked_by=ranked_by,
            name=name,
            search_data=data,
            score=score,
            among=among,
            statistic=statistic,
            **_known(estimate),
            runs=len(runs),
            architectures=round(sum(len(run.architectures) for run in runs) / len(runs)),
        )
        for statistic, estimate in estimates(runs).items()
    ]


def _known(estimate: Estimate) -> dict[str, float | None]:
    """The figures of an estimate, without those that are not a number: an order of one value."""
    return {name: None if value is None or math.isnan(value) else value for name, value in estimate._asdict().items()}


if __name__ == "__main__":
    sys.exit(STAGE.main(tabulate_correlations))
