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

from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.measure.rank_correlation import SCORES, Ranked, kendall_tau, spearman_rho
from dfnas.runtime.files import read_json, write_bytes, write_csv
from dfnas.settings.lookup import LookupSettings
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.rankings import read_rankings
from dfnas.tables.lookups import page

STAGE = Stage("tabulate_lookups", __doc__, LookupSettings)
STAGE.argument("--lookups", type=Path, nargs="+", required=True, metavar="FILE", help="true accuracies, one file a run")
STAGE.argument("--rankings", type=Path, nargs="*", default=[], metavar="FILE", help="scores by SPOS' supernets, CSV")
STAGE.output("--out", required=True, help="the table, CSV")
STAGE.output("--page", required=True, help="the same in HTML")

RANKED_BY = "spos"
"""The algorithm whose supernets rank architectures."""
KEYS = ("algorithm", "search_data")
STANDING = ("accuracy", "rank", "percentile")
COLLAPSES = ("collapsed", "learns_nothing")
"""Judgements of which the table has the number of seeds, see `lookup`."""
KINDS = dict.fromkeys(KEYS, str) | dict.fromkeys(STANDING, float) | dict.fromkeys(COLLAPSES, bool)
CORRELATIONS: dict[str, Callable[[Sequence[float], Sequence[float]], float]] = {"tau": kendall_tau, "rho": spearman_rho}
COLUMNS = (
    *KEYS,
    "seeds",
    "draws",
    "accuracy_mean",
    "accuracy_std",
    "accuracy_min",
    "rank_mean",
    "percentile_mean",
    *COLLAPSES,
    *(f"{name}_{score.removesuffix('_accuracy')}" for name in CORRELATIONS for score in SCORES),
)


def tabulate_lookups(job: Job[LookupSettings]) -> None:
    options = job.options
    table = AccuracyTable.read(job.settings)
    job.reads(job.settings.file())
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for path in options.lookups:
        report = read_json(path, KINDS)
        groups.setdefault(tuple(report[key] for key in KEYS), []).append(report)
    rankings = read_rankings(options.rankings, table)
    rows = []
    for (algorithm, data), runs in groups.items():
        supernets = rankings.get(data, []) if algorithm == RANKED_BY else []
        rows.append({"algorithm": algorithm, "search_data": data} | _found(runs) | _correlations(supernets))
    rows += _yardsticks(table, job.settings.random_draws)
    write_bytes(options.page, page(rows).encode())
    write_csv(options.out, COLUMNS, rows)


def _found(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One row over its seeds: accuracies in percent, as the table has them."""
    accuracy, rank, percentile = ([run[name] for run in runs] for name in STANDING)
    return {
        "seeds": len(runs),
        "accuracy_std": f"{statistics.stdev(accuracy):.3f}" if len(runs) > 1 else "",
        "accuracy_min": f"{min(accuracy):.3f}",
        **{name: sum(run[name] for run in runs) for name in COLLAPSES},
        **_means(*map(statistics.fmean, (accuracy, rank, percentile))),
    }


def _correlations(supernets: Sequence[Ranked]) -> dict[str, str]:
    if not supernets:
        return {}
    return {
        f"{name}_{score.removesuffix('_accuracy')}": _text(
            statistics.fmean(correlate(one.scores[score], one.true_accuracy) for one in supernets)
        )
        for name, correlate in CORRELATIONS.items()
        for score in SCORES
    }


def _text(correlation: float) -> str:
    return "" if math.isnan(correlation) else f"{correlation:.4f}"


def _yardsticks(table: AccuracyTable, random_draws: Sequence[int]) -> list[dict[str, Any]]:
    """What there is without a search: random draws, and the best of all."""
    rows = []
    for draws in random_draws:
        best = table.best_of(draws)
        row = {"algorithm": "random", "search_data": "none", "draws": draws, **_means(*best.mean)}
        rows.append(row | {"accuracy_std": f"{best.accuracy_std:.3f}"})
    return [*rows, {"algorithm": "optimum", "search_data": "none", **_means(*table.best()[1])}]


def _means(accuracy: float, rank: float, percentile: float) -> dict[str, str]:
    figures = {"accuracy_mean": f"{accuracy:.3f}", "rank_mean": f"{rank:.1f}"}
    return figures | {"percentile_mean": f"{percentile:.2f}"}


if __name__ == "__main__":
    sys.exit(STAGE.main(tabulate_lookups))
