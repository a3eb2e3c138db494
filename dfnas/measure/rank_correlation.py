"""Whether two figures put things in the same order: what supernets say of architectures, and what is true of them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scipy import stats

SCORES = ("held_out_accuracy", "held_out_likelihood", "original_accuracy")
"""What a supernet says of an architecture, the more the better: its accuracy on the search's own held-out images, the
mean log-likelihood of their labels (minus the loss), and its accuracy on original images, which only judge."""


class Ranked(NamedTuple):
    """What the supernet of one search said of some architectures: columns of equal length."""

    seed: int
    """Of the search."""
    scores: Mapping[str, Sequence[float]]
    """One for each architecture, for each of SCORES."""
    true_accuracy: Sequence[float]
    """What the architectures reach when they are trained, in percent."""


def kendall_tau(one: Sequence[float], other: Sequence[float]) -> float:
    """Kendall's τ-b, in [-1, 1]: concordant minus discordant pairs, over the geometric mean of the pairs that are not
    tied in each (Kendall 1945). NaN where all values of one are tied."""
    return float(stats.kendalltau(one, other, variant="b").statistic)


def spearman_rho(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's ρ, in [-1, 1]: Pearson's correlation of the ranks, mean ranks for ties. NaN where all values of one
    are tied."""
    if len(set(one)) < 2 or len(set(other)) < 2:
        return float("nan")  # where SciPy would warn first
    return float(stats.spearmanr(one, other).statistic)
