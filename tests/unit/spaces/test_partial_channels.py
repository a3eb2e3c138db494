"""Partial channels: what passes, where it comes out, and what the options save."""

import pytest
import torch
from torch import nn

from dfnas.measure.complexity import count_parameters
from dfnas.runtime.errors import InputError
from dfnas.spaces.darts import CellSpace
from dfnas.spaces.nasbench201 import NASBench201Space
from dfnas.spaces.partial_channels import PartialSlot, slot_on_share
from dfnas.spaces.slot import SinglePath, Slot, slots
from dfnas.spaces.space import Task

pytestmark = pytest.mark.slow

CIFAR = Task(3, 32, 10)


def partial_slot(option: nn.Module, parts: int, stride: int = 1) -> PartialSlot:
    slot = PartialSlot("x", {"only": option}, parts, stride)
    slot.mixer = SinglePath({"x": 0})
    return slot


def test_options_see_the_first_part_and_the_shuffle_deals_the_parts_out():
    """8 channels in 4 parts: channel g · 2 + i goes to place i · 4 + g."""
    x = torch.arange(8.0).view(1, 8, 1, 1).expand(2, 8, 3, 5)
    found = partial_slot(nn.Identity(), 4)(x)[0, :, 0, 0].tolist()
    assert found == [0, 2, 4, 6, 1, 3, 5, 7]
    negated = nn.Identity()
    negated.forward = lambda part: -10 - part
    assert partial_slot(negated, 4)(x)[0, :, 0, 0].tolist() == [-10, 2, 4, 6, -11, 3, 5, 7]


@pytest.mark.parametrize("side", [6, 7])
def test_an_edge_of_stride_two_passes_the_maximum_of_every_four_pixels(side):
    x = torch.randn(2, 6, side, side + 2).to(memory_format=torch.channels_last)
    found = partial_slot(nn.MaxPool2d(2, ceil_mode=True), 3, stride=2)(x)
    expected = nn.functional.max_pool2d(x, 2, ceil_mode=True)
    assert torch.equal(found, expected[:, [0, 2, 4, 1, 3, 5]])


def test_every_channel_has_a_gradient():
    x = torch.randn(2, 8, 4, 4, requires_grad=True)
    partial_slot(nn.Conv2d(2, 2, 3, padding=1), 4)(x).square().sum().backward()
    assert (x.grad.abs().amax((0, 2, 3)) > 0).all()


def test_one_part_is_the_plain_slot():
    assert type(slot_on_share("x", lambda channels: {"only": nn.Identity()}, 8, 1)) is Slot


@pytest.mark.parametrize("make", [CellSpace, NASBench201Space], ids=["darts", "nasbench201"])
def test_parts_have_to_divide_the_channels(make):
    with pytest.raises(InputError, match="search_partial_channels is 4; expected a divisor of search_channels, 6"):
        make(CIFAR, search_channels=6, search_partial_channels=4)
    with pytest.raises(InputError, match="search_partial_channels is 0"):
        make(CIFAR, search_partial_channels=0)


def test_options_of_the_published_supernet_shrink_with_the_channels():
    """Each option's weights are of the form a · C² + b · C, C its channels; counted on all edges of the supernet of 16
    channels and 8 cells with all channels and with a quarter of them."""

    def weights(parts):
        with torch.device("meta"):
            supernet = CellSpace(CIFAR, search_partial_channels=parts).supernet()
        return {
            name: sum(count_parameters(slot.options[slot.names.index(name)]) for slot in slots(supernet))
            for name in ("sep_conv_3x3", "dil_conv_5x5")
        }

    # 14 edges in each of 2 cells of 16 channels, 3 of 32 and 3 of 64; a separable convolution has two halves.
    def expected(kernel, halves, parts):
        return sum(
            14 * n * halves * ((c // parts) ** 2 + kernel**2 * (c // parts)) for n, c in ((2, 16), (3, 32), (3, 64))
        )

    for parts in (1, 4):
        assert weights(parts) == {"sep_conv_3x3": expected(3, 2, parts), "dil_conv_5x5": expected(5, 1, parts)}


@pytest.mark.parametrize(("make", "sizes"), [(CellSpace, {"cells": 3, "nodes": 2}), (NASBench201Space, {})])
def test_found_networks_and_their_macs_are_those_of_all_channels(make, sizes):
    plain, partial = make(CIFAR, **sizes), make(CIFAR, **sizes, search_partial_channels=4)
    assert plain.macs_table() == partial.macs_table()
    assert plain.choices == partial.choices


def test_weights_of_the_supernet_are_those_that_the_release_logs():
    """ "param size = 0.956512MB" for ImageNet, K = 2 (yuhuixu1993/PC-DARTS, issue 15). Its search network has a stem of
    3 · 16 channels (model_search_imagenet.py), ours that of the final networks, here of 16."""

    def stem(channels):
        """Three convolutions with BatchNorm, and the 1 x 1 convolutions to 16 channels that its output enters: two of
        the first cell, one of the second."""
        half = channels // 2
        convolutions = 9 * (3 * half + half * channels + channels * channels)
        return convolutions + 2 * (half + 2 * channels) + 3 * 16 * channels

    space = CellSpace(Task(3, 224, 1000), stem="imagenet", search_partial_channels=2)
    with torch.device("meta"):
        found = count_parameters(space.supernet())
    assert found - stem(16) + stem(3 * 16) == 956_512
