"""Learning rates against their closed forms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dfnas.training.schedule import learning_rate, one_cycle, set_learning_rate


@pytest.mark.parametrize("step", range(0, 50, 7))
def test_cosine_is_that_of_torch(step):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.025)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50, eta_min=0.001)
    for _ in range(step):
        optimizer.step()
        scheduler.step()
    assert learning_rate(step, 50, 0.025, floor=0.001) == pytest.approx(scheduler.get_last_lr()[0])


@pytest.mark.parametrize(("step", "expected"), [(0, 0.5), (37_500, 0.375), (75_000, 0.25), (150_000, 0.0)])
def test_linear_falls_evenly(step, expected):
    assert learning_rate(step, 150_000, 0.5, "linear") == pytest.approx(expected)


def test_warm_up_rises_in_equal_steps_to_the_peak_and_the_fall_begins_there():
    rates = [learning_rate(step, 14, 2.0, warmup=4) for step in range(14)]
    assert rates[:4] == pytest.approx([0.5, 1.0, 1.5, 2.0])
    assert rates[4:] == pytest.approx([1 + math.cos(math.pi * i / 10) for i in range(10)])


@pytest.mark.parametrize(("warmup", "expected"), [(0.5, [1.0]), (2.5, [0.4, 0.8, 1.0])])
def test_a_warm_up_of_part_of_a_step_ends_at_the_peak_and_not_above(warmup, expected):
    assert [learning_rate(i, 9, 1.0, warmup=warmup) for i in range(len(expected))] == pytest.approx(expected)


@given(
    steps=st.integers(1, 300),
    warmup=st.floats(0, 299, allow_nan=False),
    shape=st.sampled_from(["cosine", "linear"]),
    step=st.integers(0, 299),
)
def test_rates_stay_between_floor_and_peak_for_any_length_of_warm_up(steps, warmup, shape, step):
    if warmup < steps and step < steps:
        rate = learning_rate(step, steps, 0.1, shape, warmup, floor=0.01 if step >= warmup else 0.0)
        assert (0.01 if step >= warmup else 0) - 1e-12 <= rate <= 0.1 + 1e-12


def test_all_parameter_groups_get_the_rate():
    groups = [{"params": [torch.zeros(1, requires_grad=True)]} for _ in range(2)]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    set_learning_rate(optimizer, 0.3)
    assert [group["lr"] for group in optimizer.param_groups] == [0.3, 0.3]


@given(steps=st.integers(1, 400), position=st.floats(0, 1), start=st.floats(0, 1), end=st.floats(0, 1))
def test_one_cycle_is_the_line_through_its_three_points(steps, position, start, end):
    """At the first step, at the whole step before `position`, and where a step after the last would be."""
    peak_step = int(steps * position)
    points, heights = ([0, peak_step, steps], [start, 1.0, end]) if 0 < peak_step < steps else ([0, steps], [1.0, end])
    if peak_step == steps:
        points, heights = [0, steps], [start, 1.0]
    for step in range(steps):
        expected = 2.0 * np.interp(step, points, heights)
        assert one_cycle(step, steps, 2.0, position, start, end) == pytest.approx(expected)


def test_one_cycle_has_the_rates_of_cifar10_airbench():
    """By hand from `get_lr` with 476 steps: the peak is at step 109."""
    rates = [one_cycle(step, 476, 1.0, 0.23, 0.2, 0.07) for step in (0, 54, 109, 292, 475)]
    assert rates == pytest.approx([0.2, 0.2 + 0.8 * 54 / 109, 1.0, 1 - 0.93 * 183 / 367, 0.07 + 0.93 / 367])
