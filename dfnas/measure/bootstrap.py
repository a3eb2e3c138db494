"""Whether one group of networks errs more often than another, beyond the chance of seeds and test images.

A difference of two means varies with the seeds and with the images. Each part is drawn by itself, and the two are
added.

Seeds, those of each group by themselves. The variance of their part, V = s₁² / R + s₂² / Q, is hardly known where they
are few: every draw takes one that it may be, ν V / χ² with ν degrees of freedom, so that the part has the tail of
Student's t. Welch's ν (1947, "The Generalization of 'Student's' Problem when Several Different Population Variances are
Involved") follows from the variances at hand, and from so few is often too large: up to 12 % of false alarms at 5 %. So
it counts no more than where both variances are alike, and of that and of the smaller group's own, min(R, Q) - 1, the
harmonic mean is taken (benchmarks/false_alarms.py). No draw goes below the variance that chance on single images
causes: two seeds that happen to err equally often are not seeds without a spread.

Images, by a paired bootstrap (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 8): drawn anew
with replacement, the same ones for all networks, which were all asked about the same ones. What a network makes of an
image by chance is in the variance of the seeds already, and is taken out here.

Shapes: N images, R networks of a group, Q of the other, P patterns, D draws.
"""

import math
from collections.abc import Sequence
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
    low: float | None
    high: float | None
    """Ends of the interval, which leaves out 0 if and only if `p_value` is below LEVEL."""
    p_value: float | None
    """Two-sided: twice the share of draws on the far side of 0, counting one more than there were. None, as the ends
    are, where a group has one network, or there is one image: of what varies then nothing is known."""

    @property
    def significant(self) -> bool:
        return self.p_value is not None and self.p_value < LEVEL


class _Group(NamedTuple):
    """What the errors of R networks on N images come to."""

    by_image: np.ndarray
    """int64 (N,), how many networks err on each image."""
    spread: float
    """Standard deviation of the networks' error rates, over R - 1."""
    chance: float
    """Variance of a network's error rate by what it makes of single images: the mean square of the interaction of
    networks and images, over N."""


def paired_difference(one: np.ndarray, other: np.ndarray, draws: int, seed: int) -> Difference:
    """The difference between two groups of networks, by their errors on the same images.

    All sums over images are of whole numbers, hence exact in any order.

    Args:
        one, other: bool (R, N) and (Q, N), whether each network of a group errs on each image.
        draws: D.
        seed: of the draws.
    """
    images = one.shape[1]
    assert images == other.shape[1] > 0, (one.shape, other.shape)
    estimate = float(one.mean() - other.mean())
    if min(len(one), len(other), images) == 1:
        return Difference(estimate, None, None, None)
    rng = np.random.default_rng(seed)
    first, second, seeds = _group(one), _group(other), (len(one), len(other))
    noise = first.chance / len(one) + second.chance / len(other)
    of_seeds = _drawn_seeds(rng, (first.spread, second.spread), seeds, draws, noise)
    gaps = len(other) * first.by_image - len(one) * second.by_image  # (N,), in units of 1 / (R Q)
    scale = len(one) * len(other)
    of_images = _drawn_images(rng, gaps, draws, noise * scale**2) / scale
    return _summary(estimate, estimate + of_seeds + of_images)


def differs(means: tuple[float, float], spreads: tuple[float, float], seeds: tuple[int, int], draws: int) -> bool:
    """Whether two means differ by more than their seeds do, at LEVEL.

    Args:
        means, spreads, seeds: of each group; the spread is the standard deviation over its seeds, two at least.
        draws: D.
    """
    estimate = means[0] - means[1]
    return _summary(estimate, estimate + _drawn_seeds(np.random.default_rng(0), spreads, seeds, draws)).significant


def _drawn_seeds(
    rng: np.random.Generator, spreads: tuple[float, float], seeds: tuple[int, int], draws: int, least: float = 0.0
) -> np.ndarray:
    """By how much the difference of two means over seeds may be off: (D,).

    Args:
        spreads: the standard deviations over the seeds.
        seeds: how many, at least 2 each.
        least: what the variance of the difference is at the least.
    """
    parts = [spread**2 / count for spread, count in zip(spreads, seeds, strict=True)]
    freedom = degrees_of_freedom(parts, seeds)
    variances = np.maximum(freedom * sum(parts) / rng.chisquare(freedom, draws), least)
    return rng.standard_normal(draws) * np.sqrt(variances)


def degrees_of_freedom(parts: Sequence[float], seeds: Sequence[int]) -> float:
    """ν of the variance of a difference of two means over seeds, of which each has a part."""
    smaller = min(seeds) - 1
    if not sum(parts):
        return smaller
    alike = _welch([1 / count for count in seeds], seeds)
    return 2 / (1 / min(_welch(parts, seeds), alike) + 1 / smaller)


def _welch(parts: Sequence[float], seeds: Sequence[int]) -> float:
    return sum(parts) ** 2 / sum(part**2 / (count - 1) for part, count in zip(parts, seeds, strict=True))


def _group(errors: np.ndarray) -> _Group:
    """Of errors (R, N), R and N at least 2: sums of squares of a table of two ways without repetition."""
    seeds, images = errors.shape
    by_image, by_seed = errors.sum(0), errors.sum(1)
    total = int(by_seed.sum())
    of_seeds = int((by_seed**2).sum()) / images - total**2 / (seeds * images)
    of_images = int((by_image**2).sum()) / seeds - total**2 / (seeds * images)
    rest = total - total**2 / (seeds * images) - of_seeds - of_images  # errors are 0 or 1, their squares likewise
    chance = max(rest, 0.0) / ((seeds - 1) * (images - 1)) / images
    return _Group(by_image, math.sqrt(max(of_seeds, 0.0) / (seeds - 1) / images), chance)


def _drawn_images(rng: np.random.Generator, values: np.ndarray, draws: int, noise: float) -> np.ndarray:
    """By how much the mean of whole numbers (N,) may be off by the images that it is of, (D,), without the part of its
    variance that is noise.

    Images of the same value are one pattern, and a draw of N images is a multinomial draw of how often each comes up.
    """
    images, total = len(values), int(values.sum())
    variance = (int((values**2).sum()) - total**2 / images) / (images - 1) / images
    if variance <= noise:
        return np.zeros(draws)
    patterns, counts = np.unique(values, return_counts=True)  # (P,), (P,)
    tables = (rng.multinomial(images, counts / images, size) for size in _pieces(draws, len(counts)))
    sums = np.concatenate([table @ patterns for table in tables])  # (D,)
    return (sums - total) / images * math.sqrt(1 - noise / variance)


def _pieces(draws: int, width: int) -> list[int]:
    """The draws in pieces of which a table of that width fits into memory. What is drawn does not depend on them."""
    largest = max(1, VALUES_AT_ONCE // width)
    return [min(largest, draws - first) for first in range(0, draws, largest)]


def _summary(estimate: float, differences: np.ndarray) -> Difference:
    """The interval and p of draws (D,) of a difference."""
    draws = len(differences)
    p_values = np.minimum(1.0, 2 * (1 + np.arange(draws + 1)) / (1 + draws))  # by the number of draws beyond 0
    beyond = min((differences <= 0).sum(), (differences >= 0).sum())
    enough = int(np.searchsorted(p_values, LEVEL))  # so many beyond 0 make a difference that is not significant
    differences = np.sort(differences)
    low, high = differences[enough - 1], differences[draws - enough]
    return Difference(estimate, float(low), float(high), float(p_values[beyond]))
