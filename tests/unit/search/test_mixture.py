"""The mixture of DARTS against the weighted sum as it is written down, values, statistics and gradients."""

import copy

import pytest
import torch
from torch import nn

from dfnas.search.mixture import SoftmaxMixture
from dfnas.spaces.cell_operations import DARTS_OPERATIONS, darts_options
from dfnas.spaces.slot import Slot


def plain(slot: Slot, weights: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return sum(weight * option(x) for weight, option in zip(weights, slot.options, strict=True))


def darts_slot(stride: int = 1, affine: bool = False) -> Slot:
    torch.manual_seed(0)
    return Slot("x", darts_options(4, stride, affine)).double()


def inputs(channels_last: bool = True, count: int = 3, side: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """An input whose channels lie away from zero, and weights of the options."""
    x = torch.randn(count, 4, side, side, dtype=torch.float64) + torch.arange(4.0).view(1, 4, 1, 1)
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    weights = torch.randn(len(DARTS_OPERATIONS), dtype=torch.float64).softmax(0)
    return x.requires_grad_(), weights.requires_grad_()


def mixed(slot: Slot, weights: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    mixture = SoftmaxMixture()
    mixture.weights = {"x": weights}
    return mixture(slot, x)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("affine", [False, True], ids=["plain norms", "norms with weights"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels_last", [False, True])
def test_an_edge_of_darts_is_the_plain_weighted_sum(stride, affine, mode, channels_last):
    slot = darts_slot(stride, affine).train(mode == "train")
    twin = copy.deepcopy(slot)
    x, weights = inputs(channels_last)
    y, expected = mixed(slot, weights, x), plain(twin, weights, x)
    torch.testing.assert_close(y, expected)
    for (name, found), (_, other) in zip(slot.named_buffers(), twin.named_buffers(), strict=True):
        torch.testing.assert_close(found, other, msg=name)

    grad = torch.randn_like(y)
    found = torch.autograd.grad(y, [x, weights, *slot.parameters()], grad)
    other = torch.autograd.grad(expected, [x, weights, *twin.parameters()], grad)
    torch.testing.assert_close(found, other)


def test_gradients_are_those_by_finite_differences():
    slot = darts_slot()
    x, weights = inputs(count=2, side=3)  # a forward pass or two, and a backward pass, for every number
    assert torch.autograd.gradcheck(lambda weights, x: mixed(slot, weights, x), (weights, x))


def test_one_relu_serves_all_options_and_no_output_of_a_norm_is_kept():
    slot = darts_slot()
    x, weights = inputs()

    def kept(call) -> int:
        storages = {}
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: storages.setdefault(t.untyped_storage().data_ptr(), t), lambda t: t
        ):
            call()
        return sum(t.untyped_storage().nbytes() for t in storages.values() if t.shape == x.shape)

    ours = kept(lambda: mixed(slot, weights, x))
    assert ours <= 2 / 3 * kept(lambda: plain(slot, weights, x))


def test_an_option_that_is_any_module_is_called_as_it_is():
    class Twice(nn.Module):
        def forward(self, x):
            return 2 * x

    slot = Slot("x", {"twice": Twice(), "relu": nn.ReLU(), "norm": nn.BatchNorm2d(4, affine=False)}).double()
    twin = copy.deepcopy(slot)
    x, weights = inputs()
    torch.testing.assert_close(mixed(slot, weights[:3], x), plain(twin, weights[:3], x))


def test_nothing_but_zeros_is_zero():
    slot = Slot("x", {"none": darts_options(4, 1, False)["none"]})
    x, _ = inputs()
    assert torch.equal(mixed(slot, torch.ones(1), x), torch.zeros_like(x))
