"""Counting weights and multiply-accumulates, against closed forms."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dfnas.cifar_resnet import cifar_resnet
from dfnas.measure.complexity import count_macs, count_parameters
from dfnas.measure.mac_counter import MacCounter
from dfnas.spaces.counting import count_slot_macs, count_slot_parameters
from dfnas.spaces.darts import CellSpace
from dfnas.spaces.slot import Slot, slots
from dfnas.spaces.space import Task


@pytest.mark.parametrize(("groups", "stride", "kernel"), [(1, 1, 3), (1, 2, 5), (4, 1, 3), (8, 2, 1)])
def test_convolution_costs_kernel_times_channels_per_output(groups, stride, kernel):
    conv = nn.Conv2d(8, 16, kernel, stride, kernel // 2, groups=groups)
    side = -(-10 // stride)
    assert count_macs(conv, 8, 10, 10) == side * side * 16 * (8 // groups) * kernel * kernel


def test_linear_layers_and_only_they_cost_in_a_perceptron():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3, bias=False))
    assert count_macs(network, 3, 2, 2) == 12 * 5 + 5 * 3
    assert count_parameters(network) == (12 * 5 + 5) + (5 + 5) + 5 * 3


def test_a_shared_weight_counts_once_as_parameter_and_each_time_as_work():
    layer = nn.Linear(4, 4, bias=False)
    assert count_parameters(nn.Sequential(layer, layer)) == 16
    assert count_macs(nn.Sequential(layer, layer), 4) == 32


def test_the_module_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    count_macs(network, 1, 8, 8)
    assert all(module.training for module in network.modules())
    assert all(value.device.type == "cpu" for value in network.state_dict().values())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_control_flow_on_values_is_counted_too():
    class Gated(nn.Linear):
        def forward(self, x):
            return super().forward(x) if x.sum() == 0 else x

    assert count_macs(Gated(3, 5), 3) == 15


def test_an_input_of_the_wrong_shape_is_an_error():
    with pytest.raises(RuntimeError):
        count_macs(nn.Linear(4, 2), 5)


def test_slots_that_share_a_choice_add_up_and_all_else_is_fixed():
    def slot():
        return Slot("a", {"dense": nn.Conv2d(2, 2, 3, padding=1), "nothing": nn.Identity()})

    with torch.device("meta"):
        network = nn.Sequential(nn.Conv2d(1, 2, 1), slot(), slot(), Slot("b", {"pointwise": nn.Conv2d(2, 4, 1)}))
    assert count_slot_macs(network, 1, 5, 5) == (25 * 2, {"a": (2 * 25 * 2 * 2 * 9, 0), "b": (25 * 8,)})


def test_equal_options_cost_more_on_larger_images():
    def slot(choice):
        return Slot(choice, {"dense": nn.Conv2d(2, 2, 3, padding=1)})

    with torch.device("meta"):
        network = nn.Sequential(slot("large"), nn.AvgPool2d(2), slot("small"))
    assert count_slot_macs(network, 2, 6, 6) == (0, {"large": (36 * 2 * 2 * 9,), "small": (9 * 2 * 2 * 9,)})


def test_weights_are_split_by_choice_and_shared_ones_count_once():
    entry, shared = nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 3)

    def slot(choice):
        return Slot(choice, {"shared": shared, "own": nn.Conv2d(2, 2, 1, bias=False), "nothing": nn.Identity()})

    network = nn.Sequential(entry, entry, slot("a"), slot("a"), Slot("b", {"norm": nn.BatchNorm2d(2)}))
    assert count_slot_parameters(network) == (4, {"a": (2 * 2 * 9 + 2, 2 * 4, 0), "b": (4,)})


def test_options_that_repeat_are_run_once():
    """A network of more cells runs no more of its options, as long as their channels and sides are the same."""
    runs = []
    for cells in (6, 12):
        with torch.device("meta"):
            network = CellSpace(Task(3, 16, 10), channels=4, cells=cells, nodes=2).slotted_network()
        ran = []
        for slot in slots(network):
            slot.options[slot.names.index("sep_conv_3x3")].register_forward_hook(lambda *_, ran=ran: ran.append(1))
        count_slot_macs(network, 3, 16, 16)
        runs.append(len(ran))
    # Normal edges of three sizes; into a reduction cell edges of stride 2 of two, on top of its own of stride 1.
    assert runs[0] == runs[1] == 3 + 2


def _attention() -> nn.Module:
    return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda: cifar_resnet(depth=8, channels=3, classes=10), (3, 16, 16)),
        (lambda: nn.ConvTranspose2d(2, 4, 3, groups=2), (2, 5, 5)),
        (_attention, (6, 8)),
    ],
    ids=["residual", "transposed", "attention"],
)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_torch_counts_the_same(build, shape, device):
    network = build().to(device).eval()
    with FlopCounterMode(display=False) as theirs, MacCounter() as ours, torch.no_grad():
        network(torch.zeros(1, *shape, device=device))
    assert ours.macs == theirs.get_total_flops() // 2 > 0


def test_a_count_loads_no_compiler():
    """It would take longer than all else that a short stage does."""
    code = """
import sys
from dfnas.cifar_resnet import cifar_resnet
from dfnas.measure.complexity import count_macs
assert count_macs(cifar_resnet(depth=8, channels=3, classes=10), 3, 16, 16)
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
