"""Tails of the binomial distribution, against sums of whole numbers."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfnas.measure.binomial import at_least, at_most


@given(st.integers(1, 60), st.data(), st.integers(2, 50))
def test_tails_are_those_of_the_definition(trials, data, classes):
    successes, p = data.draw(st.integers(0, trials)), Fraction(1, classes)
    terms = [comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(trials + 1)]
    assert at_most(successes, trials, 1 / classes) == pytest.approx(float(sum(terms[: successes + 1])), rel=1e-9)
    assert at_least(successes, trials, 1 / classes) == pytest.approx(float(sum(terms[successes:])), rel=1e-9)


def test_many_trials_do_not_overflow():
    assert at_most(5000, 50_000, 0.1) == pytest.approx(0.5, abs=0.01)
