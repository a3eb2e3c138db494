"""AZ-NAS' aggregation, by hand and on figures from its own code."""

import math

import pytest

from dfnas.measure.rank_aggregation import AGGREGATES, sum_of_log_ranks, with_aggregates, with_vetoes


def test_an_aggregate_is_the_sum_of_the_logs_of_ranks():
    found = sum_of_log_ranks([[5, 1, 3], [0.2, 0.9, 0.2]])
    expected = [math.log(3 / 3) + math.log(1.5 / 3), math.log(1 / 3) + math.log(3 / 3), math.log(2 / 3) + math.log(0.5)]
    assert found == pytest.approx(expected)


def test_of_the_scores_that_veto_the_upper_half_of_the_ranks_is_one():
    found = with_vetoes({"own": [1, 2, 3, 4], "trainability": [4, 3, 2, 1], "synflow": [2, 2, 9, 9]})
    expected = [(1, 0.5, 1.5 / 4), (2, 0.5, 1.5 / 4), (3, 0.5, 3.5 / 4), (4, 0.25, 3.5 / 4)]
    assert found == pytest.approx([math.log(own / 4) + math.log(veto) + math.log(flow) for own, veto, flow in expected])


def test_aggregates_are_made_where_all_their_scores_are_there():
    scores = {name: [1.0, 2.0] for name in ("expressivity", "progressivity", "trainability", "macs_m")}
    assert set(with_aggregates(scores)) == {*scores, "az_nas"}
    assert set(with_aggregates({**scores, "synflow": [1.0, 2.0]})) == {*scores, "synflow", *AGGREGATES}
    assert with_aggregates({"synflow": [1.0, 2.0]}) == {"synflow": [1.0, 2.0]}
