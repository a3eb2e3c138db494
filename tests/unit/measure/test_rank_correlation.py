"""Rank correlations, against their definitions over all pairs."""

import csv
import itertools
import math
import os
import random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.measure.rank_aggregation import AGGREGATES, sum_of_log_ranks
from dfnas.measure.rank_correlation import (
    STATISTICS,
    Scored,
    estimates,
    kendall_tau,
    partial_tau,
    spearman_rho,
    top_tau,
)
from dfnas.settings.lookup import LookupSettings

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


TRIPLES = st.lists(st.tuples(*(st.integers(0, 6) for _ in range(3))), min_size=3, max_size=12)


@given(TRIPLES)
def test_partial_tau_is_what_a_third_order_does_not_explain(triples):
    one, other, given_ = zip(*triples, strict=True)
    both, first, second = (kendall_tau(*pair) for pair in ((one, other), (one, given_), (other, given_)))
    if math.isnan(both + first + second) or max(abs(first), abs(second)) > 1 - 1e-9:
        assert math.isnan(partial_tau(one, other, given_))
        return
    expected = (both - first * second) / math.sqrt((1 - first**2) * (1 - second**2))
    assert partial_tau(one, other, given_) == pytest.approx(expected, abs=1e-6)


def test_the_top_quarter_is_by_true_accuracy_and_takes_ties_in():
    scores = [0, 0, 0, 0, 0, 3, 2, 1]
    assert top_tau(scores, [1, 2, 3, 4, 5, 6, 7, 8]) == -1  # 2 before 1, of 7 and 8
    assert top_tau(scores, [1, 2, 3, 4, 5, 7, 7, 8]) == pytest.approx(-2 / math.sqrt(3 * 2))


def drawn(count: int, noise: float, seed: int = 0) -> Scored:
    rng = random.Random(seed)
    truth = [rng.gauss(0, 1) for _ in range(count)]
    scores = [value + rng.gauss(0, noise) for value in truth]
    return Scored([f"a{place}" for place in range(count)], scores, truth, [rng.randrange(5) for _ in truth])


def test_estimates_are_the_statistics_of_the_architectures_as_they_are():
    run = drawn(60, 0.7)
    found = estimates([run], draws=200)
    assert tuple(found) == STATISTICS
    by_hand = {
        "tau": stats.kendalltau(run.scores, run.true_accuracy).statistic,
        "rho": stats.spearmanr(run.scores, run.true_accuracy).statistic,
        "partial_tau": partial_tau(run.scores, run.true_accuracy, run.macs),
        "top_tau": top_tau(run.scores, run.true_accuracy),
    }
    assert {name: one.value for name, one in found.items()} == pytest.approx(by_hand, abs=1e-6)
    for one in found.values():
        assert one.low < one.value < one.high
        assert one.low_runs is None


def test_the_bootstrap_draws_as_one_would_by_hand():
    """Its quadratic forms against SciPy on the drawn architectures, written out: the same interval."""
    run, draws = drawn(30, 0.7), 400
    rng = np.random.default_rng(1)
    taus, rhos = [], []
    for _ in range(draws):
        places = rng.integers(30, size=30)
        columns = [np.array(column)[places] for column in (run.scores, run.true_accuracy)]
        taus.append(stats.kendalltau(*columns).statistic)
        rhos.append(stats.spearmanr(*columns).statistic)
    found = estimates([run], draws=draws)
    for name, values in (("tau", taus), ("rho", rhos)):
        assert (found[name].low, found[name].high) == pytest.approx(np.quantile(values, (0.025, 0.975)), abs=0.06)


def test_runs_that_differ_widen_the_interval_over_runs_alone():
    good, poor = drawn(80, 0.3), drawn(80, 3.0)
    poor = poor._replace(architectures=good.architectures)
    both = estimates([good, poor], draws=300)["tau"]
    assert both.value == pytest.approx(np.mean([kendall_tau(one.scores, one.true_accuracy) for one in (good, poor)]))
    assert both.low_runs < both.low < both.high < both.high_runs


def test_a_score_that_is_one_for_all_has_no_order():
    run = drawn(20, 0.5)._replace(scores=[1.0] * 20)
    assert all(math.isnan(one.value) for one in estimates([run], draws=50).values())


@pytest.fixture(scope="module")
def measured() -> dict[str, list]:
    """Scores of 200 cells by AZ-NAS' own code, with their true accuracies and multiply-accumulates."""
    data = os.environ.get("DFNAS_DATA")
    if not data:
        pytest.skip("needs the benchmark's table: set DFNAS_DATA to the folder of the data")
    from dfnas.spaces.nasbench201 import NASBench201Space
    from dfnas.spaces.space import Task

    table = AccuracyTable.read(LookupSettings(table=f"{data}/nas-bench-201/nats_bench.csv"))
    space = NASBench201Space(Task(3, 32, 10))
    with open(f"{data}/nas-bench-201/zero_cost_200.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {name.removeprefix("az_"): [row[name] for row in rows] for name in rows[0]}
    cells = columns.pop("cell")
    return {name: list(map(float, values)) for name, values in columns.items()} | {
        "cells": cells,
        "truth": [table.accuracies[cell] for cell in cells],
        "macs_m": [space.macs(space.from_string(cell)) / 1e6 for cell in cells],
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("macs_m", {"tau": 0.54, "rho": 0.71}),
        ("synflow", {"tau": 0.58, "rho": 0.77}),
        ("naswot", {"tau": 0.49}),
        ("zico_n1", {"tau": 0.59}),
        ("az_nas", {"tau": 0.72, "rho": 0.90, "partial_tau": 0.59, "top_tau": 0.12}),
        ("az_nas_synflow", {"tau": 0.76, "rho": 0.93, "partial_tau": 0.65}),
    ],
)
def test_scores_order_the_benchmark_as_was_measured_elsewhere(measured, name, expected):
    scores = measured.get(name) or sum_of_log_ranks([measured[term] for term in AGGREGATES[name]]).tolist()
    found = estimates([Scored(measured["cells"], scores, measured["truth"], measured["macs_m"])])
    assert {key: found[key].value for key in expected} == pytest.approx(expected, abs=0.0055)
