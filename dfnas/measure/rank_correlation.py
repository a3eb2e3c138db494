"""Whether two figures put things in the same order: what supernets say of architectures, and what is true of them.

Shapes: N architectures, R runs, D draws of a bootstrap.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
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


STATISTICS = ("tau", "rho", "partial_tau", "top_tau")
"""`kendall_tau` and `spearman_rho` of score and true accuracy, `partial_tau` given multiply-accumulates, and
`kendall_tau` among the best TOP by true accuracy: finding asks for the last, and ranking everything hardly tells."""
TOP = 0.25
"""Share of the architectures, the best by true accuracy."""
DRAWS = 1000
"""Of a bootstrap."""
LEVEL = 0.05
"""An interval covers the rest."""


class Scored(NamedTuple):
    """What one run, of a supernet or of a training-free proxy, said of some architectures: columns of equal length."""

    architectures: Sequence[str]
    scores: Sequence[float]
    true_accuracy: Sequence[float]
    macs: Sequence[float]


class Estimate(NamedTuple):
    """A rank correlation, mean over the runs. NaN where one of the runs has no order."""

    value: float
    low: float
    high: float
    """Percentile interval of a bootstrap over the architectures (Efron and Tibshirani 1993, chapter 13)."""
    low_runs: float | None
    high_runs: float | None
    """The same with the runs drawn anew as well; None of a single run."""


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


def partial_tau(one: Sequence[float], other: Sequence[float], given: Sequence[float]) -> float:
    """Kendall's partial τ: of two orders, what a third one does not explain (Kendall 1942, "Partial Rank Correlation"),
    (τ₁₂ - τ₁₃ τ₂₃) / √((1 - τ₁₃²) (1 - τ₂₃²)), all τ-b. NaN where the third is one of them, or all is tied."""
    counts = np.ones((1, len(one)), np.float32)
    return float(
        _partial(*(_taus(counts, *map(_signs, pair)) for pair in ((one, other), (one, given), (other, given))))[0]
    )


def top_tau(scores: Sequence[float], true_accuracy: Sequence[float]) -> float:
    """Kendall's τ-b among the best TOP by true accuracy, those that tie with the last of them included."""
    best = _best(np.asarray(true_accuracy, float))
    return kendall_tau(np.asarray(scores, float)[best].tolist(), np.asarray(true_accuracy, float)[best].tolist())


def estimates(runs: Sequence[Scored], draws: int = DRAWS) -> dict[str, Estimate]:
    """Every one of STATISTICS, with its intervals.

    Args:
        runs: one at least. Those about the same architectures share the draws of these.
        draws: D.
    """
    drawn = [_bootstrapped(run, draws) for run in runs]  # for each run (1 + D,) of each statistic, first undrawn
    rng = np.random.default_rng(0)
    places = rng.integers(len(runs), size=(len(runs), draws))
    found = {}
    for name in STATISTICS:
        values = np.stack([one[name] for one in drawn])  # (R, 1 + D)
        low, high = _interval(values[:, 1:].mean(0))
        of_runs = np.take_along_axis(values[:, 1:], places, 0).mean(0)
        ends = _interval(of_runs) if len(runs) > 1 else (None, None)
        found[name] = Estimate(float(values[:, 0].mean()), low, high, *ends)
    return found


def _interval(values: np.ndarray) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return math.nan, math.nan
    low, high = np.quantile(known, (LEVEL / 2, 1 - LEVEL / 2))
    return float(low), float(high)


def _bootstrapped(run: Scored, draws: int) -> dict[str, np.ndarray]:
    """(1 + D,) of each statistic: of the architectures as they are, and of draws with replacement.

    How often each is drawn is its weight w, and sums over pairs are quadratic forms in w: an architecture that comes
    twice ties with itself.
    """
    count = len(run.scores)
    rng = np.random.default_rng(zlib.crc32("\n".join(run.architectures).encode()))
    drawn = rng.multinomial(count, np.full(count, 1 / count), draws)
    weights = np.concatenate([np.ones((1, count)), drawn]).astype(np.float32)  # sums of whole numbers: exact in it
    signs = [_signs(values) for values in (run.scores, run.true_accuracy, run.macs)]
    score, truth, macs = signs
    tau = _taus(weights, score, truth)
    best = _best(np.asarray(run.true_accuracy, float))
    among = np.ix_(best, best)
    return {
        "tau": tau,
        "rho": _rhos(weights, run.scores, run.true_accuracy),
        "partial_tau": _partial(tau, _taus(weights, score, macs), _taus(weights, truth, macs)),
        "top_tau": _taus(weights[:, best], score[among], truth[among]),
    }


def _best(accuracies: np.ndarray) -> np.ndarray:
    """Places of the best TOP."""
    least = np.sort(accuracies)[-math.ceil(TOP * len(accuracies))]
    return np.flatnonzero(accuracies >= least)


def _signs(values: Sequence[float]) -> np.ndarray:
    """float32 (N, N): which of two is larger."""
    column = np.asarray(values, float)
    return (column[:, None] > column).astype(np.float32) - (column[:, None] < column)


def _taus(weights: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(D,): τ-b under each row of weights (D, N), of signs (N, N)."""

    def pairs(matrix: np.ndarray) -> np.ndarray:
        return np.einsum("dn,dn->d", weights @ matrix, weights, dtype=np.float64)

    with np.errstate(invalid="ignore", divide="ignore"):
        return pairs(one * other) / np.sqrt(pairs(np.abs(one)) * pairs(np.abs(other)))


def _partial(both: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        partial = (both - one * other) / np.sqrt((1 - one**2) * (1 - other**2))
    return np.where(np.isfinite(partial), partial, np.nan)


def _rhos(weights: np.ndarray, one: Sequence[float], other: Sequence[float]) -> np.ndarray:
    """(D,): ρ under each row of weights: Pearson's correlation of mean ranks among what is drawn."""
    first, second = (weights @ ((1 - _signs(values)) / 2) for values in (one, other))  # (D, N), ranks but for 1/2
    total = weights.sum(1, keepdims=True)
    first, second = (ranks - (weights * ranks).sum(1, keepdims=True) / total for ranks in (first, second))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights * first * second).sum(1) / np.sqrt((weights * first**2).sum(1) * (weights * second**2).sum(1))
