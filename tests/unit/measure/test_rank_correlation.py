"""Rank correlations, against their definitions over all pairs."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dfnas.measure.rank_correlation import kendall_tau, spearman_rho

PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=12)


def signs(values) -> list[int]:
    return [(a > b) - (a < b) for a, b in itertools.combinations(values, 2)]


@given(PAIRS)
def test_tau_is_concordance_over_the_pairs_that_are_not_tied(pairs):
    one, other = zip(*pairs, strict=True)
    assume(len(set(one)) > 1 and len(set(other)) > 1)
    first, second = np.array(signs(one)), np.array(signs(other))
    expected = (first * second).sum() / math.sqrt((first != 0).sum() * (second != 0).sum())
    assert kendall_tau(one, other) == pytest.approx(expected)


@given(PAIRS)
def test_rho_is_the_correlation_of_mean_ranks(pairs):
    one, other = (np.array(values) for values in zip(*pairs, strict=True))
    assume(len(set(one)) > 1 and len(set(other)) > 1)

    def ranks(values):
        return [np.mean([(values < v).sum() + 1, (values <= v).sum()]) for v in values]

    assert spearman_rho(one, other) == pytest.approx(np.corrcoef(ranks(one), ranks(other))[0, 1])


def test_where_all_are_tied_there_is_no_order_to_agree_with():
    assert math.isnan(kendall_tau([1, 1, 1], [1, 2, 3]))
    assert math.isnan(spearman_rho([1, 1, 1], [1, 2, 3]))
