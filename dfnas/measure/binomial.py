"""Tails of the binomial distribution, for shares of images that chance alone may have made.

A tail says how probable as many successes are in independent trials that each succeed with one probability p. Terms
are added up as exp(log n! - log k! - log (n - k)! + k log p + (n - k) log (1 - p)), which does not overflow.
"""

from math import exp, fsum, lgamma, log, log1p


def at_most(successes: int, trials: int, p: float) -> float:
    """The probability of no more successes than these; 0 < p < 1."""
    return fsum(_term(k, trials, p) for k in range(successes + 1))


def at_least(successes: int, trials: int, p: float) -> float:
    """The probability of no fewer successes than these; 0 < p < 1."""
    return fsum(_term(k, trials, p) for k in range(successes, trials + 1))


def _term(k: int, n: int, p: float) -> float:
    return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p))
