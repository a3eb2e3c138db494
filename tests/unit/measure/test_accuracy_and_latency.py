"""Errors of predictions, and how often a forward pass is timed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dfnas.dataset.batches import PlainViews
from dfnas.measure import latency
from dfnas.measure.accuracy import error_rate, logits_of, predict, top_k_errors
from dfnas.measure.latency import FEWEST, forward_seconds, warm_up


@given(count=st.integers(1, 12), classes=st.integers(1, 7), k=st.integers(1, 9), seed=st.integers(0, 999))
def test_top_k_errors_are_those_of_sorting(count, classes, k, seed):
    rng = torch.Generator().manual_seed(seed)
    logits, targets = torch.randn(count, classes, generator=rng), torch.randint(classes, (count,), generator=rng)
    expected = [
        sorted(range(classes), key=lambda c: -row[c]).index(target) >= k
        for row, target in zip(logits.tolist(), targets.tolist(), strict=True)
    ]
    assert top_k_errors(logits, targets, k).tolist() == expected
    assert error_rate(logits, targets, k) == pytest.approx(sum(expected) / count)


@pytest.mark.parametrize("batch_size", [1, 5, 100])
@pytest.mark.parametrize("training", [True, False])
def test_predictions_do_not_depend_on_batches_and_leave_the_network_as_it_was(make_images, batch_size, training):
    torch.manual_seed(0)
    data, network = make_images(12), nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5), nn.Flatten(), nn.Linear(64, 3))
    network.train(training)
    margin = (data.images[:, :, 1:9, 1:9].float() / 255 - 0.5) / 0.25
    expected = network[3](margin.flatten(1) / (1 + 1e-5) ** 0.5)
    logits = predict(network, data, batch_size)
    torch.testing.assert_close(logits, expected.detach())
    assert not logits.requires_grad
    assert all(module.training == training for module in network.modules())


def test_batch_statistics_normalise_each_batch_by_itself(make_images):
    data = make_images(12)
    logits = logits_of(nn.Sequential(nn.BatchNorm2d(1), nn.Flatten()), PlainViews(data, 6), batch_statistics=True)
    for batch in logits.split(6):
        assert batch.mean().abs() < 1e-5
        assert batch.var(unbiased=False).item() == pytest.approx(1, rel=1e-3)


class Counted(nn.Module):
    def __init__(self, name, calls):
        super().__init__()
        self.weight, self.name, self.calls = nn.Parameter(torch.ones(1)), name, calls

    def forward(self, x):
        assert x.shape == (2, 3, 8, 8)
        assert not torch.is_grad_enabled()
        self.calls.append(self.name)
        return x * self.weight


def test_networks_are_timed_in_turn_after_a_warm_up():
    calls = []
    seconds = forward_seconds([Counted(name, calls) for name in "ab"], (2, 3, 8, 8), 7, warmup_s=0)
    assert [len(times) for times in seconds] == [7, 7]
    assert all(time >= 0 for times in seconds for time in times)
    assert "".join(calls) == "ab" * (2 + 7)


@pytest.mark.parametrize(("seconds", "rounds"), [(0, 2), (0.9, 2), (5, 3), (60, 30)])
def test_the_warm_up_lasts_as_long_as_it_is_to_whatever_a_call_takes(monkeypatch, seconds, rounds):
    """By a clock on which a call takes a second."""
    calls = []
    monkeypatch.setattr(latency.time, "perf_counter", lambda: float(len(calls)))
    assert warm_up([lambda: calls.append("a"), lambda: calls.append("b")], torch.device("cpu"), seconds) == 2
    assert "".join(calls) == "ab" * rounds


def test_slow_networks_are_timed_less_often_but_a_few_times_at_least():
    calls = []
    networks = [Counted("a", calls)]
    (seconds,) = forward_seconds(networks, (2, 3, 8, 8), 50, limit_s=1e-9, warmup_s=0)
    assert (len(seconds), len(calls)) == (FEWEST, 2 + FEWEST)
    assert len(forward_seconds(networks, (2, 3, 8, 8), 2, limit_s=1e-9, warmup_s=0)[0]) == 2
    assert len(forward_seconds(networks, (2, 3, 8, 8), 9, limit_s=60, warmup_s=0)[0]) == 9
