"""Compare what algorithms find on other data with what they find on original images: for each algorithm and retrain
data, the difference of top-1 errors in points, its 95 % interval, p, and the verdict in words."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dfnas.artifacts.metrics import read_metrics
from dfnas.artifacts.predictions import Predictions, read_predictions
from dfnas.artifacts.significance import SignificanceRow
from dfnas.measure.bootstrap import paired_difference
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import write_bytes
from dfnas.runtime.seeds import derive
from dfnas.settings.evaluate import CompareDataSettings
from dfnas.settings.sources import ORIGINAL
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.tables.significance import Comparison, page, row_of, sentence, web_page

STAGE = Stage("compare_data", __doc__, CompareDataSettings)
STAGE.argument("--metrics", type=Path, nargs="+", required=True, metavar="FILE", help="figures, one file per network")
STAGE.argument(
    "--predictions", type=Path, nargs="+", required=True, metavar="FILE", help="their predictions, in that order"
)
STAGE.output("--out", required=True, help="the comparisons, CSV")
STAGE.output("--text", required=True, help="the same in words, Markdown")
STAGE.output("--page", required=True, help="the same in words, HTML")


class Answers(NamedTuple):
    """A network's predictions, and where they were read."""

    path: Path
    predictions: Predictions


def compare_data(job: Job[CompareDataSettings]) -> None:
    options = job.options
    groups: dict[tuple[str, str], dict[str, list[Answers]]] = {}
    for metrics, path in zip(options.metrics, options.predictions, strict=True):
        figures = read_metrics(metrics)
        answers = Answers(path, read_predictions(path))
        if figures.top1_error is None:
            raise InputError(f"{metrics} was measured without original images, by which data are compared")
        if not np.isclose(answers.predictions.wrong.mean(), figures.top1_error, atol=1e-9):
            raise InputError(f"{path} has other errors than {metrics}; delete both to rebuild them")
        by_data = groups.setdefault((figures.algorithm, figures.retrain_data), {})
        by_data.setdefault(figures.search_data, []).append(answers)
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
    SignificanceRow.write(options.out, map(row_of, comparisons))
    write_bytes(options.text, page(comparisons, job.settings.draws).encode())
    write_bytes(options.page, web_page(comparisons, job.settings.draws).encode())
    for comparison in comparisons:
        print(f"{comparison.algorithm}: {sentence(comparison)}", file=sys.stderr)


def _comparisons(
    algorithm: str, retrain_data: str, by_data: dict[str, list[Answers]], settings: CompareDataSettings
) -> Iterator[Comparison]:
    """Each data set of an algorithm against the original one, if it has both."""
    if ORIGINAL not in by_data:
        return
    base = _errors(by_data[ORIGINAL], by_data[ORIGINAL][0])
    for data, networks in by_data.items():
        if data == ORIGINAL:
            continue
        found = _errors(networks, by_data[ORIGINAL][0])
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


def _errors(networks: Sequence[Answers], first: Answers) -> np.ndarray:
    """bool (R, N), whether each network errs on each test image. Raises InputError unless the images are those of the
    first network."""
    for one in networks:
        if not np.array_equal(one.predictions.targets, first.predictions.targets):
            raise InputError(
                f"{one.path} and {first.path} are not about the same test images; delete both to rebuild them"
            )
    return np.stack([one.predictions.wrong for one in networks])


if __name__ == "__main__":
    sys.exit(STAGE.main(compare_data))
