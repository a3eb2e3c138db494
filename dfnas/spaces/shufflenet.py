"""The space of SPOS (Guo et al. 2020; megvii-model/SinglePathOneShot): a chain of ShuffleNetV2 blocks, of each of
which the kernel, 3, 5 or 7, or the deeper `xception` form is chosen.

A choice is a block, `stage2/block1`, both counted from 1.

Shapes: B batch, C channels, H W space, K classes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from dfnas.runtime.errors import InputError
from dfnas.spaces import sizes
from dfnas.spaces.depthwise import DepthwiseConv2d
from dfnas.spaces.layout import Chain, Position, chain
from dfnas.spaces.slot import Slot
from dfnas.spaces.space import Architecture, Space, Task

OPTIONS = ("3x3", "5x5", "7x7", "xception")


@dataclass(frozen=True)
class Block:
    """A position of the chain. The first block of a stage widens, and may halve the side."""

    choice: str
    inputs: int
    outputs: int
    stride: int
    first: bool


BlockBuilder = Callable[[Block], nn.Module]


class ShuffleNetSpace(Space):
    """The block space of SPOS, without its search for channel numbers, which was not released.

    In the supernet no BatchNorm has weights; in the final network all have.

    Args:
        task: what the networks have to fit.
        stem_width: channels of the first convolution.
        stem_stride: 1 or 2, its stride.
        widths: channels of each stage: even, growing.
        depths: blocks of each stage.
        strides: 1 or 2, of each stage's first block.
        last_width: channels before the classifier.
        dropout: before the classifier.

    Raises:
        InputError: a size that cannot be.
    """

    def __init__(
        self,
        task: Task,
        *,
        stem_width: int = 16,
        stem_stride: int = 2,
        widths: Sequence[int] = (64, 160, 320, 640),
        depths: Sequence[int] = (4, 4, 8, 4),
        strides: Sequence[int] = (2, 2, 2, 2),
        last_width: int = 1024,
        dropout: float = 0.1,
    ):
        self.task = task
        self.stem_width = sizes.whole("stem_width", stem_width)
        self.stem_stride = sizes.one_of("stem_stride", stem_stride, (1, 2))
        self.widths = sizes.wholes("widths", widths, least=2)
        self.depths = sizes.wholes("depths", depths, len(self.widths))
        self.strides = sizes.strides("strides", strides, len(self.widths))
        self.last_width = sizes.whole("last_width", last_width)
        self.dropout = sizes.share("dropout", dropout)
        before = (self.stem_width, *self.widths[:-1])
        if any(width % 2 or width <= narrower for narrower, width in zip(before, self.widths, strict=True)):
            raise InputError(
                f"widths is {list(widths)}; expected even numbers, each larger than the one before it and the "
                f"first larger than stem_width, {stem_width}"
            )
        self.blocks = tuple(self._blocks())
        self.choices = {block.choice: OPTIONS for block in self.blocks}

    def supernet(self) -> nn.Module:
        return self._slotted(affine=False)

    def slotted_network(self) -> nn.Module:
        return self._slotted(affine=True)

    def network(self, architecture: Architecture) -> nn.Module:
        self.check(architecture)
        return self._network(lambda block: ShuffleBlock(block, architecture[block.choice], affine=True), affine=True)

    def layout(self) -> Chain:
        blocks = (Position("", block.choice, block.outputs, block.stride) for block in self.blocks)
        stem = [Position("conv 3x3", None, self.stem_width, self.stem_stride)]
        return chain(blocks, stem, [Position("conv 1x1", None, self.last_width, 1)])

    def _blocks(self) -> Iterator[Block]:
        inputs = self.stem_width
        for stage, (width, depth, stride) in enumerate(zip(self.widths, self.depths, self.strides, strict=True), 1):
            for i in range(depth):
                yield Block(f"stage{stage}/block{i + 1}", inputs, width, stride if i == 0 else 1, i == 0)
                inputs = width

    def _slotted(self, affine: bool) -> nn.Sequential:
        def slot(block: Block) -> Slot:
            return Slot(block.choice, {name: ShuffleBlock(block, name, affine) for name in OPTIONS})

        return self._network(slot, affine)

    def _network(self, build: BlockBuilder, affine: bool) -> nn.Sequential:
        stem = _conv_bn(self.task.channels, self.stem_width, 3, self.stem_stride, affine)
        network = nn.Sequential(
            *stem,
            nn.ReLU(inplace=True),
            *(build(block) for block in self.blocks),
            *_conv_bn(self.widths[-1], self.last_width, 1, 1, affine),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(self.dropout),
            nn.Linear(self.last_width, self.task.classes, bias=False),
        )
        network.apply(_initialise)
        nn.init.normal_(stem[0].weight, 0, 0.01)
        return network


class ShuffleBlock(nn.Module):
    """(B, C, H, W) to (B, C′, ⌈H/s⌉, ⌈W/s⌉): a block of ShuffleNetV2 (Ma et al. 2018, figure 3c and d).

    Half of the channels, the even ones, pass; the odd ones go through the main branch. Taking every other channel
    shuffles: the last block put its two branches one after the other. The first block of a stage gives both
    branches all channels and has a convolution in the passing one.
    """

    def __init__(self, block: Block, option: str, affine: bool):
        super().__init__()
        self.first = block.first
        inputs = block.inputs if block.first else block.inputs // 2
        outputs = block.outputs - inputs
        inner = block.outputs // 2
        if option == "xception":
            self.main = nn.Sequential(
                *_depthwise_bn(inputs, 3, block.stride, affine),
                *_pointwise_bn_relu(inputs, inner, affine),
                *_depthwise_bn(inner, 3, 1, affine),
                *_pointwise_bn_relu(inner, inner, affine),
                *_depthwise_bn(inner, 3, 1, affine),
                *_pointwise_bn_relu(inner, outputs, affine),
            )
            kernel = 3
        else:
            kernel = int(option[0])
            self.main = nn.Sequential(
                *_pointwise_bn_relu(inputs, inner, affine),
                *_depthwise_bn(inner, kernel, block.stride, affine),
                *_pointwise_bn_relu(inner, outputs, affine),
            )
        if block.first:
            self.passing = nn.Sequential(
                *_depthwise_bn(inputs, kernel, block.stride, affine),
                *_pointwise_bn_relu(inputs, inputs, affine),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.first:
            return torch.cat([self.passing(x), self.main(x)], 1)
        return torch.cat([x[:, 0::2], self.main(x[:, 1::2])], 1)


def _conv_bn(inputs: int, outputs: int, kernel: int, stride: int, affine: bool) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return conv, nn.BatchNorm2d(outputs, affine=affine)


def _depthwise_bn(channels: int, kernel: int, stride: int, affine: bool) -> list[nn.Module]:
    return [DepthwiseConv2d(channels, kernel, stride), nn.BatchNorm2d(channels, affine=affine)]


def _pointwise_bn_relu(inputs: int, outputs: int, affine: bool) -> list[nn.Module]:
    return [*_conv_bn(inputs, outputs, 1, 1, affine), nn.ReLU(inplace=True)]


def _initialise(module: nn.Module) -> None:
    """The release's: a convolution's deviation is one over its input channels per group."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0, 1 / module.weight.shape[1])
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
    elif isinstance(module, nn.BatchNorm2d) and module.affine:
        nn.init.constant_(module.bias, 1e-4)
