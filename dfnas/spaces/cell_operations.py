"""The operations on the edges of a cell: those of DARTS (Liu et al. 2019, section 3.1), and the layers that
NAS-Bench-201 shares with it.

Everything starts with a ReLU that is not in place, since one input feeds several operations.

Shapes: an operation of stride s maps (B, C, H, W) to (B, C, ⌈H/s⌉, ⌈W/s⌉), for odd sides too.
"""

import torch
from torch import nn
from torch.nn import functional as F

from dfnas.spaces.depthwise import AveragePool3x3, SeparableConv2d

DARTS_OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)


class Zero(nn.Module):
    """The operation `none`: zeros, detached from the input."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x[:, :, :: self.stride, :: self.stride])


def factorized_reduce(inputs: int, outputs: int, affine: bool) -> nn.Sequential:
    """ReLU, then half of the side without the loss of every other pixel, then BatchNorm."""
    return nn.Sequential(nn.ReLU(), ShiftedPair(inputs, outputs), nn.BatchNorm2d(outputs, affine=affine))


WHOLE_VECTOR = 8
"""Channels in a vector of AVX2."""


class EveryOther(nn.Conv2d):
    """A 1 × 1 convolution of stride 2, without bias.

    On CPUs with AVX2 and no AVX-512 the backward pass of torch 2.14.1 writes past its memory where images are
    channels-last and have fewer than eight channels ("corrupted double-linked list"). There the stride is taken first.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.device.type == "cpu" and x.shape[1] < WHOLE_VECTOR and torch.backends.cpu.get_cpu_capability() == "AVX2":
            return F.conv2d(x[:, :, ::2, ::2], self.weight)
        return super().forward(x)


class ShiftedPair(nn.Module):
    """Two 1 × 1 convolutions of stride 2, one shifted by a pixel, each giving half of the channels. An odd side is
    padded by a row and a column of zeros."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = EveryOther(inputs, outputs // 2, 1, 2, bias=False)
        self.shifted_conv = EveryOther(inputs, outputs - outputs // 2, 1, 2, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shifted = x[:, :, 1:, 1:]
        odd_height, odd_width = x.shape[2] % 2, x.shape[3] % 2
        if odd_height or odd_width:
            shifted = F.pad(shifted, (0, odd_width, 0, odd_height))
        return torch.cat([self.conv(x), self.shifted_conv(shifted)], 1)


def relu_conv_bn(inputs: int, outputs: int, kernel: int, stride: int, affine: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs, affine=affine),
    )


def depthwise_separable(channels: int, kernel: int, stride: int, dilation: int, affine: bool) -> nn.Sequential:
    """ReLU, depthwise convolution, 1 × 1 convolution, BatchNorm."""
    return nn.Sequential(
        nn.ReLU(),
        SeparableConv2d(channels, channels, kernel, stride, dilation),
        nn.BatchNorm2d(channels, affine=affine),
    )


def darts_operation(name: str, channels: int, stride: int, affine: bool) -> nn.Module:
    """One of DARTS_OPERATIONS as a module.

    Args:
        stride: 2 on the edges from a cell's inputs in a reduction cell, else 1.
        affine: whether BatchNorms have weights: they have in the final network, not while searching, where a
            scale would undo the scale of the architecture's weights.
    """
    match name:
        case "none":
            return Zero(stride)
        case "max_pool_3x3":
            return nn.MaxPool2d(3, stride, 1)
        case "avg_pool_3x3":
            return AveragePool3x3(stride)
        case "skip_connect":
            return nn.Identity() if stride == 1 else factorized_reduce(channels, channels, affine)
        case "sep_conv_3x3" | "sep_conv_5x5":
            kernel = int(name[-1])
            return nn.Sequential(
                depthwise_separable(channels, kernel, stride, 1, affine),
                depthwise_separable(channels, kernel, 1, 1, affine),
            )
        case "dil_conv_3x3" | "dil_conv_5x5":
            return depthwise_separable(channels, int(name[-1]), stride, 2, affine)
    raise AssertionError(name)


def darts_options(channels: int, stride: int, affine: bool) -> dict[str, nn.Module]:
    """All of DARTS_OPERATIONS for one edge of the supernet, where a BatchNorm without weights follows each pool
    to bring its scale to that of the other operations."""
    options = {}
    for name in DARTS_OPERATIONS:
        option = darts_operation(name, channels, stride, affine)
        options[name] = nn.Sequential(option, nn.BatchNorm2d(channels, affine=False)) if "pool" in name else option
    return options
