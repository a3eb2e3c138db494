"""Two runs' rows of Table 1 against each other: whether their errors differ by more than chance.

By the seeds alone, and, where both saw the same test images, by seeds and images: see `dfnas.measure.bootstrap`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dfnas.artifacts.predictions import Predictions, read_predictions
from dfnas.measure.bootstrap import Difference, differs, paired_difference
from dfnas.runs.figures import Measured, Networks
from dfnas.runs.sheets import Key, Sheet
from dfnas.runtime.seeds import derive

ERROR, SPREAD = "top1_error_mean", "top1_error_std"


class Bootstrap(NamedTuple):
    """The second run's networks of a row against the first's."""

    difference: Difference
    """Of the second's error minus the first's."""
    seeds: tuple[int, int]
    """How many networks: of the second, of the first."""
    test_images: int


class RowDifference(NamedTuple):
    """A row that both runs have, and in which something differs."""

    key: Key
    errors: tuple[float, float]
    """Mean top-1 errors in percent, of the first and of the second."""
    spreads: tuple[float | None, float | None]
    """Standard deviations over the seeds; None of one seed."""
    beyond_seeds: bool | None
    """Whether the errors differ beyond the seeds' spread; None where a side has one seed, or neither's seeds differ."""
    bootstrap: Bootstrap | None
    """None where the two err on the same images, or were not asked about the same ones."""

    @property
    def points(self) -> float:
        """The second's error minus the first's."""
        return self.errors[1] - self.errors[0]

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        found = self.bootstrap
        return {
            "of": list(self.key),
            "top1_error": list(self.errors),
            "top1_error_std": list(self.spreads),
            "points": round(self.points, 6),
            "beyond_seeds": self.beyond_seeds,
            "bootstrap": found and {**found.difference._asdict(), "significant": found.difference.significant},
        }


def row_differences(
    sheets: tuple[Sheet, Sheet], networks: tuple[Networks, Networks], draws: int
) -> list[RowDifference]:
    """Every row of both in which a figure or a prediction differs.

    Args:
        networks: those of each, see `dfnas.runs.figures.networks_of`.
        draws: of the bootstrap.

    Raises:
        InputError: predictions that are damaged.
    """
    found = []
    for key in (key for key in sheets[0] if key in sheets[1]):
        one, other = sheets[0][key], sheets[1][key]
        bootstrap = _bootstrap(key, networks[0].get(key, ()), networks[1].get(key, ()), draws)
        if bootstrap is None and one == other:
            continue
        errors = _error(one), _error(other)
        spread, others_spread = (float(row[SPREAD]) if row[SPREAD] else None for row in (one, other))
        seeds = int(one["seeds"] or 1), int(other["seeds"] or 1)
        beyond = None
        # Seeds that happen to err equally often tell nothing of what others would.
        if spread is not None and others_spread is not None and (spread or others_spread):
            beyond = differs(errors, (spread, others_spread), seeds, draws)
        found.append(RowDifference(key, errors, (spread, others_spread), beyond, bootstrap))
    return found


def _error(row: Mapping[str, str]) -> float:
    """In percent. Without original images a network errs where it does not see the teacher's class, as its predictions
    have it too."""
    return float(row[ERROR]) if row[ERROR] else 100 - float(row["teacher_agreement_mean"])


def _bootstrap(key: Key, first: Sequence[Measured], second: Sequence[Measured], draws: int) -> Bootstrap | None:
    """None unless both have predictions about the same images, and err on other ones."""
    sides = [_predictions(networks) for networks in (first, second)]
    if not all(sides):
        return None
    every = [predictions.targets for side in sides for predictions in side]
    if any(not np.array_equal(targets, every[0]) for targets in every):
        return None
    old, new = (np.stack([predictions.wrong for predictions in side]) for side in sides)
    if np.array_equal(old, new):
        return None
    difference = paired_difference(new, old, draws, derive(0, "bootstrap", *key))
    return Bootstrap(difference, (len(new), len(old)), new.shape[1])


def _predictions(networks: Sequence[Measured]) -> list[Predictions]:
    """Of all networks of a row; none where one of them has left none."""
    paths = [network.path.with_name("predictions.csv") for network in networks]
    return [read_predictions(path) for path in paths] if all(path.is_file() for path in paths) else []
