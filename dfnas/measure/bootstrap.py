"""Whether one group of networks errs more often than another, beyond the chance of seeds and test images.

A paired bootstrap (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapters 8, 13 and 15): test images
are drawn anew with replacement, the same for all networks, which were all asked about the same ones; and seeds are
drawn anew in each group by itself. Of R seeds R - 1 are drawn, where there are several (Rao and Wu 1988): the variance
of a mean over them is then that of the sample, where R draws have (R - 1) / R of it, a third too little for 3.

Shapes: N images, R networks of a group, Q networks of both, P patterns, D draws.
"""

from typing import NamedTuple

import numpy as np

LEVEL = 0.05
"""Chance of a difference being called one where there is none; an interval covers the rest."""
VALUES_AT_ONCE = 1 << 22
"""Of a table of draws, in memory."""


class Difference(NamedTuple):
    """Mean error of one group minus that of another, as shares."""

    estimate: float
    """Of the networks and images as they are."""
    low: float
    high: float
    """Ends of the percentile interval, which has 1 - LEVEL of the draws."""
    p_value: float
    """Two-sided: twice the share of draws on the far side of 0, counting one more than there were."""

    @property
    def significant(self) -> bool:
        return self.p_value < LEVEL


def paired_difference(one: np.ndarray, other: np.ndarray, draws: int, seed: int) -> Difference:
    """The difference between two groups of networks, by their errors on the same images.

    Images on which all networks do the same are one pattern, and a draw of N images is a multinomial draw of how often
    each pattern comes up: the same distribution, from tables of (D, P) instead of (D, N). All sums are of whole
    numbers, hence exact in any order.

    Args:
        one, other: bool (R, N), whether each network of a group errs on each image. R may differ between them.
        draws: D.
        seed: of the draws.
    """
    images = one.shape[1]
    assert images == other.shape[1] > 0, (one.shape, other.shape)
    rng = np.random.default_rng(seed)
    patterns, counts = np.unique(np.concatenate([one, other]), axis=1, return_counts=True)  # (Q, P), (P,)
    tables = (rng.multinomial(images, counts / images, size) for size in _pieces(draws, len(counts)))
    errors = np.concatenate([table @ patterns.T.astype(np.float64) for table in tables])  # (D, Q)
    (first, of_first), (second, of_second) = (_drawn(rng, group) for group in np.split(errors, [len(one)], axis=1))
    differences = (first * of_second - second * of_first) / (images * of_first * of_second)  # (D,)
    low, high = np.quantile(differences, [LEVEL / 2, 1 - LEVEL / 2])
    beyond = min((differences <= 0).sum(), (differences >= 0).sum())
    p_value = min(1.0, 2 * (1 + beyond) / (1 + draws))
    return Difference(float(one.mean() - other.mean()), float(low), float(high), float(p_value))


def _pieces(draws: int, width: int) -> list[int]:
    """The draws in pieces of which a table of that width fits into memory. What is drawn does not depend on them."""
    largest = max(1, VALUES_AT_ONCE // width)
    return [min(largest, draws - first) for first in range(0, draws, largest)]


def _drawn(rng: np.random.Generator, errors: np.ndarray) -> tuple[np.ndarray, int]:
    """The errors (D, R) of a group's seeds summed over those drawn, (D,), and how many of them are drawn."""
    draws, seeds = errors.shape
    count = max(1, seeds - 1)
    return (rng.multinomial(count, np.full(seeds, 1 / seeds), draws) * errors).sum(1), count
