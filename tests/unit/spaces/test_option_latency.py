"""The latency table of a space: with a clock that counts work it must be the table of multiply-accumulates."""

import random
import time

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dfnas.measure.complexity import signature
from dfnas.measure.latency import interleaved_seconds
from dfnas.spaces import option_latency
from dfnas.spaces.cell_operations import Zero
from dfnas.spaces.costs import CostTable
from dfnas.spaces.option_latency import time_options

CPU = torch.device("cpu")
SEVERAL = 5


@pytest.fixture
def clock_of_work(monkeypatch):
    """A millisecond a multiply-accumulate, on every call alike; gives the number of calls."""
    counted = []

    @torch.inference_mode()
    def worked(calls, device, repeats):
        for call in calls:
            with FlopCounterMode(display=False) as counter:
                call()
            counted.append(counter.get_total_flops() / 2e3)
        return [[ms] * repeats for ms in counted]

    monkeypatch.setattr(option_latency, "interleaved_seconds", worked)
    return counted


def drawn(space, count=SEVERAL):
    return [space.sample(random.Random(i)) for i in range(count)]


@pytest.mark.parametrize("name", ["darts", "mbconv", "shufflenet", "nasbench201"])
def test_by_a_clock_of_work_the_table_is_that_of_macs_whatever_networks_it_is_fitted_to(spaces, clock_of_work, name):
    space = spaces[name]
    found = time_options(space, drawn(space), CPU, 1, 3)
    macs = space.macs_table()
    for choice, costs in macs.options.items():
        assert found.table.options[choice] == pytest.approx(costs)
    assert found.table.fixed == pytest.approx(macs.fixed)
    assert found.network_ms == pytest.approx([space.macs(a) for a in drawn(space)])
    assert found.relative_error == pytest.approx(0, abs=1e-12)
    assert found.spread == 0


def test_equal_options_on_equal_inputs_are_timed_once(spaces, clock_of_work):
    space = spaces["nasbench201"]  # three widths, five operations, six edges a cell
    found = time_options(space, drawn(space), CPU, 1, 2)
    assert found.distinct == 3 * 5
    assert len(clock_of_work) == 3 * 5 + SEVERAL


def test_a_batch_of_two_is_twice_the_work(spaces, clock_of_work):
    space = spaces["shufflenet"]
    found = time_options(space, drawn(space), CPU, 2, 2)
    assert found.table.of(drawn(space)[0]) == pytest.approx(2 * space.macs(drawn(space)[0]))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3), True),
        (nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3, stride=2), False),
        (nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3, bias=False), False),
        (nn.BatchNorm2d(2), nn.BatchNorm2d(2, affine=False), False),
        (Zero(1), Zero(1), True),
        (Zero(1), Zero(2), False),  # which print alike
        (nn.Sequential(nn.ReLU(), Zero(2)), nn.Sequential(nn.ReLU(), Zero(1)), False),
        (nn.Sequential(nn.Conv2d(2, 4, 1)), nn.Sequential(nn.Conv2d(2, 2, 1)), False),
    ],
)
def test_modules_that_were_built_alike_share_a_time_and_no_others_do(one, other, alike):
    assert (signature(one) == signature(other.eval())) == alike


def test_the_error_is_the_mean_over_the_whole_networks():
    found = option_latency.OptionLatency(CostTable({}, 0.0, {}), 0, 0.0, [10.0, 20.0], [11.0, 18.0])
    assert found.relative_error == pytest.approx(0.1)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_other_programs_take_does_not_count_on_one_thread(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        ((waited, _),) = interleaved_seconds([lambda: time.sleep(0.05)], CPU, 2, warmup_s=0)
    finally:
        torch.set_num_threads(before)
    assert (waited < 0.04) == (threads == 1)
