"""Gather what the table says of all found architectures: a row for each algorithm and data set, over the seeds.

Beside them stand what random search would have found, the expected best of n draws from the table (`random` with n
under `draws`, computed exactly), and the table's optimum. Where supernets have ranked architectures, tau and rho are
the rank correlations (Kendall's τ-b, Spearman's ρ) of their scores with the true accuracies, means over the seeds:
`held_out` of the accuracy on the search's own held-out images, `held_out_likelihood` of the likelihood of their labels,
`original` of the accuracy on original images. A field is empty where a supernet gives all architectures one score.
"""

import math
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dfnas.artifacts.lookup import Lookup, LookupRow
from dfnas.artifacts.ranking import read_rankings
from dfnas.measure.accuracy_table import AccuracyTable, Standing
from dfnas.measure.rank_correlation import SCORES, Ranked, kendall_tau, spearman_rho
from dfnas.runtime.files import write_bytes
from dfnas.settings.lookup import LookupSettings
from dfnas.settings.sources import NO_DATA
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.tables.lookups import page

STAGE = Stage("tabulate_lookups", __doc__, LookupSettings)
STAGE.argument("--lookups", type=Path, nargs="+", required=True, metavar="FILE", help="true accuracies, one file a run")
STAGE.argument("--rankings", type=Path, nargs="*", default=[], metavar="FILE", help="scores by SPOS' supernets, CSV")
STAGE.output("--out", required=True, help="the table, CSV")
STAGE.output("--page", required=True, help="the same in HTML")

RANKED_BY = "spos"
"""The algorithm whose supernets rank architectures."""
CORRELATIONS: dict[str, Callable[[Sequence[float], Sequence[float]], float]] = {"tau": kendall_tau, "rho": spearman_rho}


def tabulate_lookups(job: Job[LookupSettings]) -> None:
    options = job.options
    table = AccuracyTable.read(job.settings)
    job.reads(job.settings.file())
    groups: dict[tuple[str, str], list[Lookup]] = {}
    for found in map(Lookup.read, options.lookups):
        groups.setdefault((found.algorithm, found.search_data), []).append(found)
    rankings = read_rankings(options.rankings, table)
    rows = []
    for (algorithm, data), lookups in groups.items():
        supernets = rankings.get(data, []) if algorithm == RANKED_BY else []
        rows.append(_row(algorithm, data, lookups, supernets))
    rows += _yardsticks(table, job.settings.random_draws)
    write_bytes(options.page, page([row.texts() for row in rows]).encode())
    LookupRow.write(options.out, rows)


def _row(algorithm: str, data: str, lookups: Sequence[Lookup], supernets: Sequence[Ranked]) -> LookupRow:
    """One row over its seeds: accuracies in percent, as the table has them."""
    accuracies, known = [found.accuracy for found in lookups], [found.learns_nothing for found in lookups]
    return LookupRow(
        algorithm=algorithm,
        search_data=data,
        seeds=len(lookups),
        accuracy_mean=statistics.fmean(accuracies),
        accuracy_std=statistics.stdev(accuracies) if len(lookups) > 1 else None,
        accuracy_min=min(accuracies),
        rank_mean=statistics.fmean(found.rank for found in lookups),
        percentile_mean=statistics.fmean(found.percentile for found in lookups),
        collapsed=sum(found.collapsed for found in lookups),
        learns_nothing=None if None in known else sum(map(bool, known)),
        **_correlations(supernets),
    )


def _correlations(supernets: Sequence[Ranked]) -> dict[str, Any]:
    if not supernets:
        return {}
    means = {
        f"{name}_{score.removesuffix('_accuracy')}": statistics.fmean(
            correlate(one.scores[score], one.true_accuracy) for one in supernets
        )
        for name, correlate in CORRELATIONS.items()
        for score in SCORES
    }
    return {name: None if math.isnan(mean) else mean for name, mean in means.items()}


def _yardsticks(table: AccuracyTable, random_draws: Sequence[int]) -> list[LookupRow]:
    """What there is without a search: random draws, and the best of all."""
    rows = []
    for draws in random_draws:
        best = table.best_of(draws)
        rows.append(_yardstick("random", best.mean, draws=draws, accuracy_std=best.accuracy_std))
    return [*rows, _yardstick("optimum", table.best()[1])]


def _yardstick(name: str, standing: Standing, **more: Any) -> LookupRow:
    means = {f"{figure}_mean": value for figure, value in standing._asdict().items()}
    return LookupRow(algorithm=name, search_data=NO_DATA, **means, **more)


if __name__ == "__main__":
    sys.exit(STAGE.main(tabulate_lookups))
