"""Running means of weights against their definitions."""

import pytest
import torch
from torch import nn

from dfnas.settings.training import AveragingSettings
from dfnas.training.averaging import Average

STEPS = 12


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def walk(net: nn.Module, step: int) -> None:
    """A step of some training: every weight and both statistics move."""
    with torch.no_grad():
        for tensor in (*net.parameters(), net[1].running_mean, net[1].running_var):
            tensor += (step + 1) * 0.1
        net[1].num_batches_tracked += 1


def trained(**settings) -> tuple[nn.Module, Average, list[torch.Tensor]]:
    """The network, its average, and the first weight before every step and after the last, had it gone alone."""
    net = network()
    average = Average(net, AveragingSettings(**settings), STEPS)
    seen = [net[0].weight.detach().clone()]
    for step in range(STEPS):
        walk(net, step)
        average.update(step + 1)
        seen.append(seen[-1] + (step + 1) * 0.1)
    return net, average, seen


@pytest.mark.parametrize("every", [1, 3])
def test_ema_is_the_sum_over_the_past_with_the_early_decay(every):
    net, average, seen = trained(kind="ema", decay=0.6, every=every)
    expected = seen[0]
    for count, weight in enumerate(seen[every::every], 1):
        decay = min(0.6, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * weight
    torch.testing.assert_close(average.network[0].weight, expected)
    torch.testing.assert_close(net[0].weight.detach(), seen[-1])  # learns on as if there were no average


def test_statistics_are_averaged_and_counts_are_copied():
    _, average, _ = trained(kind="ema", decay=0.0)
    moved = sum(0.1 * (step + 1) for step in range(STEPS))
    torch.testing.assert_close(average.network[1].running_mean, torch.full((3,), moved))
    assert average.network[1].num_batches_tracked == STEPS
    assert not average.network.training


@pytest.mark.parametrize(("every", "rise"), [(1, 0.0), (5, 0.0), (5, 3.0)])
def test_lookahead_goes_on_from_the_average_and_ends_in_it(every, rise):
    net, _, seen = trained(kind="lookahead", decay=0.7, every=every, rise=rise)
    slow = fast = seen[0]
    for done in range(1, STEPS + 1):
        fast = fast + done * 0.1
        if done % every == 0:
            decay = 0.7 * (done / STEPS) ** rise
            slow = fast = decay * slow + (1 - decay) * fast
    torch.testing.assert_close(net[0].weight.detach(), slow)
