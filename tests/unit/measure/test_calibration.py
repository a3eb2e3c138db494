"""Calibration error, likelihood and temperature, against definitions, closed forms and another optimiser."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch.nn import functional as F

from dfnas.measure.calibration import (
    TEMPERATURES,
    calibration_error,
    confidences,
    fitted_temperature,
    negative_log_likelihood,
)


def rounds(confidence: list[float], correct: list[bool]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(confidence, dtype=torch.float64), torch.tensor(correct)


@given(
    st.lists(st.tuples(st.floats(0, 1) | st.integers(0, 15).map(lambda m: m / 15), st.booleans()), min_size=1),
    st.sampled_from([1, 2, 10, 15]),
)
def test_calibration_error_is_that_of_the_definition(pairs, bins):
    confidence, correct = zip(*pairs, strict=True)
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64).tolist()
    total = 0.0
    for m in range(bins):
        inside = [i for i, c in enumerate(confidence) if edges[m] < c <= edges[m + 1] or (m == 0 and c == 0)]
        if inside:
            accuracy = sum(correct[i] for i in inside) / len(inside)
            total += len(inside) / len(pairs) * abs(accuracy - sum(confidence[i] for i in inside) / len(inside))
    assert calibration_error(*rounds(confidence, correct), bins) == pytest.approx(total, abs=1e-12)


def test_calibration_error_of_figures_worked_out_by_hand():
    # Two bins: 0.3 and 0.5 in the first (right, wrong: |0.5 - 0.4|), 0.8 and 1.0 in the second (both right: |1 - 0.9|).
    found = calibration_error(*rounds([0.3, 0.5, 0.8, 1.0], [True, False, True, True]), 2)
    assert found == pytest.approx(0.5 * 0.1 + 0.5 * 0.1)
    assert calibration_error(*rounds([1.0, 1.0], [False, False])) == 1
    # Eight of ten right at a confidence of 0.8 is what calibration means.
    assert calibration_error(*rounds([0.8] * 10, [True] * 8 + [False] * 2)) == pytest.approx(0, abs=1e-12)


@given(count=st.integers(1, 9), classes=st.integers(2, 6), temperature=st.floats(0.1, 10), seed=st.integers(0, 999))
def test_likelihood_is_torchs_cross_entropy(count, classes, temperature, seed):
    rng = torch.Generator().manual_seed(seed)
    logits, targets = torch.randn(count, classes, generator=rng), torch.randint(classes, (count,), generator=rng)
    expected = F.cross_entropy(logits.double() / temperature, targets).item()
    found = negative_log_likelihood(logits, F.one_hot(targets, classes), temperature)
    assert found == pytest.approx(expected, abs=1e-12)


def test_likelihood_stays_finite_where_a_probability_is_nothing():
    assert negative_log_likelihood(torch.tensor([[0.0, 4000.0]]), torch.tensor([[1.0, 0.0]])) == 4000
    assert confidences(torch.tensor([[0.0, 4000.0], [1.0, 1.0]])).tolist() == [1, 0.5]


@pytest.mark.parametrize("margin", [0.5, 3.0])
@pytest.mark.parametrize("right", [7, 9])
def test_temperature_of_two_classes_has_a_closed_form(margin, right):
    """With logits (margin, 0) on ten images of which `right` are of the first class: p = right / 10, hence
    margin / T = log(p / (1 - p))."""
    logits = torch.tensor([[margin, 0.0]]).repeat(10, 1)
    labels = F.one_hot((torch.arange(10) >= right).long(), 2)
    expected = margin / math.log(right / (10 - right))
    assert fitted_temperature(logits, labels) == pytest.approx(expected, rel=1e-7)  # logits are float32


@given(st.integers(0, 999), st.floats(0.2, 5))
def test_temperature_is_where_a_minimiser_finds_it(seed, scale):
    rng = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(40, 4, generator=rng)
    labels = (torch.randn(40, 4, generator=rng) + logits / 2).softmax(1)
    found = minimize_scalar(
        lambda beta: negative_log_likelihood(logits, labels, 1 / beta),
        bounds=[1 / t for t in reversed(TEMPERATURES)],
        method="bounded",
        options={"xatol": 1e-10},
    )
    temperature = fitted_temperature(logits, labels)
    assert temperature == pytest.approx(1 / found.x, rel=1e-4)
    assert negative_log_likelihood(logits, labels, temperature) <= found.fun + 1e-12


@given(st.integers(0, 999), st.floats(0.5, 2))
def test_temperature_undoes_a_factor(seed, factor):
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(30, 3, generator=rng, dtype=torch.float64)
    labels = logits.softmax(1)  # of which 1 is the temperature
    assert fitted_temperature(factor * logits, labels) == pytest.approx(factor, rel=1e-9)


def test_temperature_stays_in_its_range_where_there_is_no_best_one():
    logits = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    labels = torch.eye(2)
    assert fitted_temperature(logits, labels) == TEMPERATURES[0]  # nothing is wrong
    assert fitted_temperature(logits, labels.flip(0)) == TEMPERATURES[1]  # everything is
