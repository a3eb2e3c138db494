"""Means of seeds within syntheses, against closed forms."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfnas.measure.nested import half_width, nested_mean


def test_syntheses_count_alike_and_their_means_make_the_interval():
    runs = [("a", 1.0), ("a", 3.0), ("b", 6.0), ("c", 10.0)]
    found = nested_mean(runs)  # of 2, 6 and 10
    assert (found.mean, found.over) == (6, "syntheses")
    assert found.high - found.mean == pytest.approx(4.302653 * 4 / math.sqrt(3), rel=1e-6)  # Student's t, 2 degrees


def test_of_one_synthesis_the_seeds_make_it():
    found = nested_mean([("a", 1.0), ("a", 3.0)])
    assert (found.mean, found.over) == (2, "seeds")
    assert (found.low, found.high) == pytest.approx((2 - 12.706205, 2 + 12.706205), rel=1e-6)


def test_one_run_has_no_interval():
    assert nested_mean([("a", 2.5)]) == (2.5, None, None, None)


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=6), st.integers(2, 5))
def test_seeds_that_agree_add_nothing_to_what_syntheses_say(values, seeds):
    runs = [(str(place), value) for place, value in enumerate(values) for _ in range(seeds)]
    found = nested_mean(runs)
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.high - found.mean == pytest.approx(half_width(values), abs=1e-9)
