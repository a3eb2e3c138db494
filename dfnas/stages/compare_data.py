"""Compare what algorithms find on other data with what they find on original images: for each algorithm and retrain
data, the difference of top-1 errors in points, its 95 % interval, p, and the verdict in words."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dfnas.measure.bootstrap import paired_difference
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import read_json, write_bytes, write_csv
from dfnas.runtime.seeds import derive
from dfnas.settings.evaluate import CompareDataSettings
from dfnas.settings.sources import ORIGINAL
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.predictions import Predictions, read_predictions
from dfnas.tables.significance import Comparison, p_text, page, points_text, sentence, web_page

STAGE = Stage("compare_data", __doc__, CompareDataSettings)
STAGE.argument("--metrics", type=Path, nargs="+", required=True, metavar="FILE", help="figures, one file per network")
STAGE.argument(
    "--predictions", type=Path, nargs="+", required=True, metavar="FILE", help="their predictions, in that order"
)
STAGE.output("--out", required=True, help="the comparisons, CSV")
STAGE.output("--text", required=True, help="the same in words, Markdown")
STAGE.output("--page", required=True, help="the same in words, HTML")

FIGURES = {"algorithm": str, "search_data": str, "retrain_data": str, "top1_error": float}
COLUMNS = (
    "algorithm",
    "search_data",
    "retrain_data",
    "seeds",
    "original_seeds",
    "test_images",
    "top1_error_mean",
    "original_top1_error_mean",
    "difference_points",
    "interval_low",
    "interval_high",
    "p_value",
    "verdict",
)


class Run(NamedTuple):
    """A network's predictions, and where they were read."""

    path: Path
    predictions: Predictions


def compare_data(job: Job[CompareDataSettings]) -> None:
    options = job.options
    groups: dict[tuple[str, str], dict[str, list[Run]]] = {}
    for metrics, path in zip(options.metrics, options.predictions, strict=True):
        figures = read_json(metrics, FIGURES)
        run = Run(path, read_predictions(path))
        if not np.isclose(run.predictions.wrong.mean(), figures["top1_error"], atol=1e-9):
            raise InputError(f"{path} has other errors than {metrics}; delete both to rebuild them")
        by_data = groups.setdefault((figures["algorithm"], figures["retrain_data"]), {})
        by_data.setdefault(figures["search_data"], []).append(run)
    comparisons = [
        comparison
        for (algorithm, retrain_data), by_data in groups.items()
        for comparison in _comparisons(algorithm, retrain_data, by_data, job.settings)
    ]
    if not comparisons:
        raise InputError(
            f"nothing to compare: no algorithm has networks found on {ORIGINAL} images and networks found on others; "
            "set comparison.search_data"
        )
    write_csv(options.out, COLUMNS, map(_row, comparisons))
    write_bytes(options.text, page(comparisons, job.settings.draws).encode())
    write_bytes(options.page, web_page(comparisons, job.settings.draws).encode())
    for comparison in comparisons:
        print(f"{comparison.algorithm}: {sentence(comparison)}", file=sys.stderr)


def _comparisons(
    algorithm: str, retrain_data: str, by_data: dict[str, list[Run]], settings: CompareDataSettings
) -> Iterator[Comparison]:
    """Each data set of an algorithm against the original one, if it has both."""
    if ORIGINAL not in by_data:
        return
    base = _errors(by_data[ORIGINAL], by_data[ORIGINAL][0])
    for data, runs in by_data.items():
        if data == ORIGINAL:
            continue
        found = _errors(runs, by_data[ORIGINAL][0])
        seed = derive(settings.seed, "bootstrap", algorithm, retrain_data, data)
        yield Comparison(
            algorithm,
            data,
            retrain_data,
            (len(found), len(base)),
            found.shape[1],
            (float(found.mean()), float(base.mean())),
            paired_difference(found, base, settings.draws, seed),
        )


def _errors(runs: Sequence[Run], first: Run) -> np.ndarray:
    """bool (R, N), whether each network errs on each test image. Raises InputError unless the images are those of the
    first network."""
    for run in runs:
        if not np.array_equal(run.predictions.targets, first.predictions.targets):
            raise InputError(
                f"{run.path} and {first.path} are not about the same test images; delete both to rebuild them"
            )
    return np.stack([run.predictions.wrong for run in runs])


def _row(comparison: Comparison) -> dict[str, object]:
    """A line of the table: errors in percent, differences in points; no interval where one seed cannot say."""
    difference = comparison.difference
    points = ("" if value is None else points_text(value, 3) for value in (*comparison.errors, *difference[:3]))
    names = (comparison.algorithm, comparison.search_data, comparison.retrain_data)
    values = (*names, *comparison.seeds, comparison.test_images, *points, p_text(difference), comparison.verdict)
    return dict(zip(COLUMNS, values, strict=True))


if __name__ == "__main__":
    sys.exit(STAGE.main(compare_data))
