"""What was changed for the sake of a device, seen on the CPU, where it changes nothing."""

import copy
from contextlib import nullcontext

import pytest
import torch
from likeness import alike
from loops import SCENARIOS, on_cpu
from torch import nn
from torch.nn import functional as F

from dfnas.runtime.placement import count_on_host, placed
from dfnas.runtime.transfers import constant, fetched, sent
from dfnas.search.recalibration import recalibrate
from dfnas.spaces.darts_cells import quartered

CPU, META = torch.device("cpu"), torch.device("meta")


@pytest.fixture
def deterministic():
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True


def test_what_is_there_already_is_itself():
    numbers = torch.arange(3)
    assert sent(numbers, CPU) is numbers


def test_a_constant_is_one_tensor_that_autograd_takes_wherever_it_was_first_asked_for():
    with torch.inference_mode():
        values = constant((0.25, 3), CPU)
    assert constant((0.25, 3), CPU) is values
    assert values.dtype == torch.float32
    weight = torch.ones(2, requires_grad=True)
    (weight * values).sum().backward()
    assert weight.grad.tolist() == [0.25, 3.0]


def test_what_is_fetched_together_is_kept_apart():
    values = {"one": torch.arange(2.0, requires_grad=True), "other": torch.arange(3.0)}
    found = fetched(values)
    assert [part.tolist() for part in found.values()] == [[0, 1], [0, 1, 2]]
    assert [part.untyped_storage().nbytes() for part in found.values()] == [8, 12]
    assert not found["one"].requires_grad


def test_a_network_is_placed_and_its_counters_stay():
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.BatchNorm2d(2, track_running_stats=False))
    network.train()(torch.ones(2, 1, 2, 2))
    placed(network, META)
    assert {name for name, value in network.state_dict().items() if value.device == CPU} == {"1.num_batches_tracked"}
    assert network[1].num_batches_tracked == 1


@pytest.mark.parametrize("momentum", [0.1, None])
def test_counters_on_the_host_count_as_before(momentum):
    norm = nn.BatchNorm2d(2, momentum=momentum)
    other = count_on_host(copy.deepcopy(norm))
    for seed in range(3):
        x = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(seed))
        assert norm(x).equal(other(x))
    assert all(one.equal(two) for one, two in zip(norm.buffers(), other.buffers(), strict=True))


def test_recalibrated_statistics_are_the_mean_over_batches_to_the_bit():
    """As torch has it where the momentum is None: by a running mean."""
    network, batches = nn.Sequential(nn.BatchNorm2d(2)), [torch.randn(4, 2, 3, 3) for _ in range(5)]
    recalibrate(network, batches)
    mean = torch.zeros(2)
    for number, batch in enumerate(batches, 1):
        mean = mean * (1 - 1 / number) + (1 / number) * batch.mean((0, 2, 3))
    torch.testing.assert_close(network[0].running_mean, mean)
    assert network[0].num_batches_tracked == 5
    assert network[0].momentum == 0.1


@pytest.mark.parametrize("sides", [(2, 2), (4, 6), (5, 7), (3, 2), (1, 1)])
def test_quarters_are_those_of_torch_on_a_device_whose_own_are_not_deterministic(sides):
    class Elsewhere(torch.Tensor):
        device = torch.device("cuda")

    x = torch.randn(2, 3, *sides)
    found = quartered(x.as_subclass(Elsewhere)).as_subclass(torch.Tensor)
    torch.testing.assert_close(found, F.adaptive_avg_pool2d(x, 2))
    assert quartered(x).equal(F.adaptive_avg_pool2d(x, 2))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("inversion", "inversion, own regions, kl, momentum", "training", "training, mixed, averaged"),
        *("darts, second order, edges", "proxyless, weights and α", "spos, candidate", "views, any size, jitter"),
    ],
)
def test_nothing_is_read_that_was_not_written(name, deterministic, tmp_path):
    """Torch can fill memory with NaN before its first use. Who reads such memory would find it."""
    results = []
    for filled in (True, False):
        torch.utils.deterministic.fill_uninitialized_memory = filled
        assert not filled or torch.empty(8).isnan().all()
        results.append(on_cpu(SCENARIOS[name](CPU, nullcontext, tmp_path)))
    assert alike(*results)
