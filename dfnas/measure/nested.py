"""The mean of runs that are nested: seeds of a search in data sets that were made independently.

Seeds of searches on one data set say nothing of another one that the same recipe would have made. So where a kind of
data was made more than once, the mean is that of the data sets' means, and its interval follows from how much these
differ; seeds then only make each of them more exact.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from scipy import stats

LEVEL = 0.05
"""An interval covers the rest."""

Spread = Literal["syntheses", "seeds"]


class NestedMean(NamedTuple):
    """A mean and its interval by Student's t, with one degree of freedom less than there are values."""

    mean: float
    low: float | None
    high: float | None
    """None where there is one value."""
    over: Spread | None
    """What varies in the interval."""


def nested_mean(values: Iterable[tuple[str, float]]) -> NestedMean:
    """The mean of some runs.

    Args:
        values: of each run, with the name of the data set that it worked on; one at least.
    """
    groups: dict[str, list[float]] = {}
    for name, value in values:
        groups.setdefault(name, []).append(value)
    means = [statistics.fmean(group) for group in groups.values()]
    (first, *_) = groups.values()
    varying, over = (means, "syntheses") if len(groups) > 1 else (first, "seeds")
    mean = statistics.fmean(means)
    if len(varying) < 2:
        return NestedMean(mean, None, None, None)
    half = half_width(varying)
    return NestedMean(mean, mean - half, mean + half, "syntheses" if over == "syntheses" else "seeds")


def half_width(values: Sequence[float]) -> float:
    """Half of the interval of a mean of independent values, two at least."""
    quantile = float(stats.t.ppf(1 - LEVEL / 2, len(values) - 1))
    return quantile * statistics.stdev(values) / math.sqrt(len(values))
