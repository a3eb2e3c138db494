"""The space of ProxylessNAS (Cai et al. 2019; mit-han-lab/proxylessnas, search/): a chain of MobileNetV2 blocks,
of each of which the kernel and the expansion are chosen, and whether it is there at all.

A choice is a block, `stage2/block1`, both counted from 1. Its options are `mbconv6_5x5` (expansion 6, kernel 5)
and so on, and `zero` where the block has a shortcut, which then is all that is left of it.

Shapes: B batch, C channels, H W space, K classes.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from dfnas.runtime.errors import InputError
from dfnas.spaces import sizes
from dfnas.spaces.cell_operations import Zero
from dfnas.spaces.depthwise import DepthwiseConv2d
from dfnas.spaces.layout import Chain, Position, chain
from dfnas.spaces.slot import Slot
from dfnas.spaces.space import Architecture, Space, Task

BN_EPS = 1e-3


@dataclass(frozen=True)
class Block:
    """A position of the chain: the choice that it follows, and what goes in and out."""

    choice: str
    inputs: int
    outputs: int
    stride: int

    @property
    def shortcut(self) -> bool:
        return self.stride == 1 and self.inputs == self.outputs


BlockBuilder = Callable[[Block], nn.Module | None]
"""What computes a block, its shortcut aside; None for a block that is left out."""


class MBConvSpace(Space):
    """The ImageNet space of ProxylessNAS; its published networks differ from the defaults in their widths.

    Args:
        task: what the networks have to fit.
        stem_width: channels of the first convolution.
        stem_stride: 1 or 2, its stride.
        first_width: channels of the first block, a fixed MBConv of expansion 1 and kernel 3.
        widths: channels of each stage.
        depths: blocks of each stage; the first one changes the width and the side.
        strides: 1 or 2, of each stage's first block.
        last_width: channels before the classifier.
        kernels: to choose from, odd.
        expansions: to choose from: channels inside a block in units of its input's.
        dropout: before the classifier; published for the final networks: 0.1 mobile, 0.2 CPU, 0.3 GPU.

    Raises:
        InputError: a size that cannot be.
    """

    def __init__(
        self,
        task: Task,
        *,
        stem_width: int = 32,
        stem_stride: int = 2,
        first_width: int = 16,
        widths: Sequence[int] = (24, 40, 80, 96, 192, 320),
        depths: Sequence[int] = (4, 4, 4, 4, 4, 1),
        strides: Sequence[int] = (2, 2, 2, 1, 2, 1),
        last_width: int = 1280,
        kernels: Sequence[int] = (3, 5, 7),
        expansions: Sequence[int] = (3, 6),
        dropout: float = 0.0,
    ):
        self.task = task
        self.stem_width = sizes.whole("stem_width", stem_width)
        self.stem_stride = sizes.one_of("stem_stride", stem_stride, (1, 2))
        self.first_width = sizes.whole("first_width", first_width)
        self.widths = sizes.wholes("widths", widths)
        self.depths = sizes.wholes("depths", depths, len(self.widths))
        self.strides = sizes.strides("strides", strides, len(self.widths))
        self.last_width = sizes.whole("last_width", last_width)
        self.kernels = sizes.distinct("kernels", kernels)
        if not all(kernel % 2 for kernel in self.kernels):
            raise InputError(f"kernels is {list(kernels)}; expected odd sizes")
        self.expansions = sizes.distinct("expansions", expansions)
        self.dropout = sizes.share("dropout", dropout)

        self.convolutions = {f"mbconv{e}_{k}x{k}": (e, k) for k in self.kernels for e in self.expansions}
        self.blocks = tuple(self._blocks())
        names = tuple(self.convolutions)
        self.choices = {block.choice: (*names, "zero") if block.shortcut else names for block in self.blocks}

    def skips(self, choice: str) -> tuple[str, ...]:
        """`zero`, which leaves a block's shortcut alone."""
        return ("zero",) if "zero" in self.choices[choice] else ()

    def supernet(self) -> nn.Module:
        return self._network(self._slot)

    def network(self, architecture: Architecture) -> nn.Module:
        self.check(architecture)

        def body(block: Block) -> nn.Module | None:
            option = architecture[block.choice]
            return None if option == "zero" else self._mbconv(block, option)

        return self._network(body)

    def layout(self) -> Chain:
        stem = (
            Position("conv 3x3", None, self.stem_width, self.stem_stride),
            Position("mbconv1_3x3", None, self.first_width, 1),
        )
        blocks = (Position("", block.choice, block.outputs, block.stride) for block in self.blocks)
        return chain(blocks, stem, [Position("conv 1x1", None, self.last_width, 1)], absent="zero")

    def _blocks(self) -> Iterator[Block]:
        inputs = self.first_width
        for stage, (width, depth, stride) in enumerate(zip(self.widths, self.depths, self.strides, strict=True), 1):
            for i in range(depth):
                yield Block(f"stage{stage}/block{i + 1}", inputs, width, stride if i == 0 else 1)
                inputs = width

    def _mbconv(self, block: Block, option: str) -> nn.Module:
        expansion, kernel = self.convolutions[option]
        return mbconv(block.inputs, block.outputs, expansion, kernel, block.stride)

    def _slot(self, block: Block) -> Slot:
        options: dict[str, nn.Module] = {option: self._mbconv(block, option) for option in self.convolutions}
        if block.shortcut:
            options["zero"] = Zero(1)
        return Slot(block.choice, options)

    def _network(self, build: BlockBuilder) -> nn.Sequential:
        layers = [
            *conv_bn_relu6(self.task.channels, self.stem_width, 3, self.stem_stride),
            mbconv(self.stem_width, self.first_width, 1, 3, 1),
        ]
        for block in self.blocks:
            body = build(block)
            if body is not None:
                layers.append(Residual(body) if block.shortcut else body)
        layers += [
            *conv_bn_relu6(self.widths[-1], self.last_width, 1, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(self.dropout),
            nn.Linear(self.last_width, self.task.classes),
        ]
        network = nn.Sequential(*layers)
        network.apply(_initialise)
        return network


class Residual(nn.Module):
    """Adds the input to what the body makes of it."""

    def __init__(self, body: nn.Module):
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x)


def mbconv(inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> nn.Sequential:
    """The inverted bottleneck of MobileNetV2 (Sandler et al. 2018, figure 3b), without its shortcut."""
    inner = expansion * inputs
    return nn.Sequential(
        *(conv_bn_relu6(inputs, inner, 1, 1) if expansion > 1 else ()),
        *conv_bn_relu6(inner, inner, kernel, stride, depthwise=True),
        nn.Conv2d(inner, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs, BN_EPS),
    )


def conv_bn_relu6(
    inputs: int, outputs: int, kernel: int, stride: int, depthwise: bool = False
) -> tuple[nn.Module, nn.Module, nn.Module]:
    return (
        DepthwiseConv2d(inputs, kernel, stride)
        if depthwise
        else nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs, BN_EPS),
        nn.ReLU6(inplace=True),
    )


def _initialise(module: nn.Module) -> None:
    """He et al. 2015 by fan-out; the release counts a depthwise convolution's fan-out as if it were dense."""
    if isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
        nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out))
    elif isinstance(module, nn.Linear):
        bound = 1 / math.sqrt(module.in_features)
        nn.init.uniform_(module.weight, -bound, bound)
        nn.init.zeros_(module.bias)
