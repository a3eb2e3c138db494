"""Partial channel connections (PC-DARTS: Xu et al. 2020, section 3.2; yuhuixu1993/PC-DARTS, model_search.py).

While searching, the options of an edge see the first of K equal parts of the channels and the rest passes by, which
takes most of the options' time and memory and makes it matter less that a skip connection is the easiest of them to
use. Shuffling hands another part to the next edge's options.

Shapes: B batch, C channels, K parts, H W space.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from dfnas.runtime.errors import InputError
from dfnas.spaces import sizes
from dfnas.spaces.slot import Slot


def share_of(name: str, channels: int, parts: Any) -> int:
    """The option `search_partial_channels`, checked.

    Args:
        name: of the option that says how many `channels` the first cell has.

    Raises:
        InputError: it is not a whole number that divides the channels.
    """
    parts = sizes.whole("search_partial_channels", parts)
    if channels % parts:
        raise InputError(
            f"search_partial_channels is {parts}; expected a divisor of {name}, {channels}, since the options get one "
            "of so many equal parts of the channels"
        )
    return parts


def slot_on_share(
    choice: str, options: Callable[[int], Mapping[str, nn.Module]], channels: int, parts: int, stride: int = 1
) -> Slot:
    """The slot of an edge: with all channels for its options, or with a part of them.

    Args:
        options: makes the options for a number of channels.
        stride: of the options, 1 or 2.
    """
    if parts == 1:
        return Slot(choice, options(channels))
    return PartialSlot(choice, options(channels // parts), parts, stride)


class PartialSlot(Slot):
    """(B, C, H, W) to (B, C, ⌈H/s⌉, ⌈W/s⌉), with options that map C/K channels likewise.

    Args:
        parts: K.
        stride: s, 1 or 2. What passes by is then the maximum of every 2 × 2 pixels.
    """

    def __init__(self, choice: str, options: Mapping[str, nn.Module], parts: int, stride: int):
        super().__init__(choice, options)
        self.parts, self.stride = parts, stride

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, : x.shape[1] // self.parts]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed, passing = super().forward(self.seen(x)), x[:, x.shape[1] // self.parts :]
        if self.stride == 2:
            passing = F.max_pool2d(passing, 2, ceil_mode=True)  # rounds the side up, as the options do
        return F.channel_shuffle(torch.cat([mixed, passing], 1), self.parts)
