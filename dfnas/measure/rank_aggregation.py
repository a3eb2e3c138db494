"""Several scores of architectures as one, by their ranks: AZ-NAS (Lee and Ham 2024; cvlab-yonsei/AZ-NAS).

An architecture that is poor by one score is poor as a whole: its aggregate is the sum of log(rank / N) over the scores,
with rank N for the best of N. Its publication aggregates expressivity, progressivity, trainability and
multiply-accumulates; SynFlow as a fifth orders NAS-Bench-201 better still.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from scipy import stats

BLOCK_TERMS = ("expressivity", "progressivity", "trainability")
TERMS = (*BLOCK_TERMS, "macs_m")
AGGREGATES = {"az_nas": TERMS, "az_nas_synflow": (*TERMS, "synflow")}
"""Aggregates by name, each with its scores."""


def sum_of_log_ranks(scores: Sequence[Sequence[float]]) -> np.ndarray:
    """(N,): Σ log(rank / N) over the scores, each of which says of N architectures the more the better. Those that tie
    share their mean rank."""
    return np.sum([np.log(_shares(values)) for values in scores], axis=0)


def with_vetoes(scores: Mapping[str, Sequence[float]], vetoes: Collection[str] = BLOCK_TERMS) -> np.ndarray:
    """(N,): Σ log(rank / N) over the scores, except that of some only the lower half of the ranks counts, as
    Σ log min(rank / N, 1/2). AZ-NAS' three proxies tell networks that do not train from those that do, but order the
    good ones hardly better than chance (docs/nasbench201.md).

    Args:
        vetoes: names of those scores.
    """
    most = {name: 0.5 if name in vetoes else 1.0 for name in scores}
    return np.sum([np.log(np.minimum(_shares(values), most[name])) for name, values in scores.items()], axis=0)


def _shares(values: Sequence[float]) -> np.ndarray:
    """(N,): rank / N of each value, 1 for the largest."""
    return np.asarray(stats.rankdata(values) / len(values))


def with_aggregates(scores: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """The scores by name, and every aggregate of which all scores are there."""
    known = {name: terms for name, terms in AGGREGATES.items() if set(terms) <= set(scores)}
    return {**scores, **{name: sum_of_log_ranks([scores[t] for t in terms]).tolist() for name, terms in known.items()}}
