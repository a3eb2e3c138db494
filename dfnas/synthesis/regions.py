"""The region operator r: which part of the canvas a step of the inversion sees, and so updates.

`random_crop` is the paper's regional update (section 3; release, Image_Synthesis/train.py:118-132, whose flip is
always on: here it is a fair coin); `roll` is DeepInversion's jitter; `random_resized_crop` is that of SRe2L (Yin et
al. 2023). A step draws one region for the whole batch, as all of these do, or one for each image.

Shapes: B batch, C channels, H W of the teacher's input, H' W' of the canvas.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional as F

from dfnas.dataset.windows import draw_window, seen_through
from dfnas.runtime.transfers import sent

RegionMode = Literal["random_crop", "random_resized_crop", "roll", "none"]


@dataclass(frozen=True)
class Region:
    """A window of the canvas at (top, left), in canvas pixels. Under `roll` it starts outside and wraps around."""

    top: int
    left: int
    height: int
    width: int
    flip: bool = False


@dataclass(frozen=True)
class RegionOperator:
    """Draws regions, and cuts them out of a canvas. Nothing here depends on the canvas' values."""

    size: tuple[int, int]
    """(H, W), pixels."""
    mode: RegionMode = "random_crop"
    flip: bool = False
    """Mirror left to right in half of the draws."""
    reach: int = 0
    """Canvas pixels: by how much the canvas is larger than the input (crops), or the largest shift in either
    direction (roll)."""
    downscale: int = 1
    """Factor by which the canvas is averaged down before."""
    area: tuple[float, float] = (1.0, 1.0)
    """Smallest and largest share of the canvas that a resized crop takes."""
    aspect: tuple[float, float] = (1.0, 1.0)
    """Smallest and largest ratio of width to height of a resized crop, relative to that of the input."""

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of what `apply` returns."""
        return self.size[0] // self.downscale, self.size[1] // self.downscale

    @property
    def window(self) -> tuple[int, int]:
        """Height and width on the canvas of what `apply` returns, unless resized."""
        return self.sides[0] * self.downscale, self.sides[1] * self.downscale

    def draw(self, generator: torch.Generator, count: int = 1) -> list[Region]:
        """`count` regions, each uniform over all offsets, first and last included. The generator is of the CPU."""
        return [self._draw_one(generator) for _ in range(count)]

    def _draw_one(self, generator: torch.Generator) -> Region:
        height, width = self.window
        if self.mode == "random_resized_crop":
            top, left, height, width = self._resized(generator)
        elif self.mode == "none":
            top, left = self.reach // 2, self.reach // 2
        else:
            steps = self.reach // self.downscale  # whole pixels of the averaged canvas
            first = 0 if self.mode == "random_crop" else -steps
            top, left = (n * self.downscale for n in _integers(first, steps, 2, generator))
        flip = self.flip and bool(torch.randint(2, (), generator=generator))
        return Region(top, left, height, width, flip)

    def _resized(self, generator: torch.Generator) -> tuple[int, int, int, int]:
        """Top, left, height and width of a window of random area and aspect."""
        canvas = self.size[0] + self.reach, self.size[1] + self.reach
        least, largest = (ratio * self.size[1] / self.size[0] for ratio in self.aspect)
        return draw_window(canvas, self.area, (least, largest), generator)

    def apply(self, canvas: torch.Tensor, regions: Sequence[Region]) -> torch.Tensor:
        """The regions of a canvas; pixels outside of an image's region take no gradient.

        Args:
            canvas: (B, C, H', W').
            regions: one for all images, or B.

        Returns:
            (B, C, *sides).
        """
        (region, *others) = regions
        if others or (region.height, region.width) != self.window:
            seen = self._resampled(canvas, regions)
        elif self.mode == "roll":
            seen = _flipped(canvas.roll((-region.top, -region.left), (2, 3)), region.flip)
        else:
            # Averaging the window alone gives what a window of the averaged canvas holds, for less.
            bottom, right = region.top + region.height, region.left + region.width
            seen = _flipped(canvas[:, :, region.top : bottom, region.left : right], region.flip)
        return F.avg_pool2d(seen, self.downscale) if self.downscale > 1 else seen

    def _resampled(self, canvas: torch.Tensor, regions: Sequence[Region]) -> torch.Tensor:
        """Each image's own region."""
        drawn = torch.tensor([(r.top, r.left, r.height, r.width, r.flip) for r in regions])
        spans = sent(drawn, canvas.device)  # (n, 5)
        return seen_through(canvas, spans[:, :4], spans[:, 4].bool(), self.window, self.mode == "roll")


def _integers(first: int, last: int, count: int, generator: torch.Generator) -> list[int]:
    """Uniform integers, `first` and `last` included."""
    return torch.randint(first, last + 1, (count,), generator=generator).tolist()


def _flipped(images: torch.Tensor, flip: bool) -> torch.Tensor:
    return images.flip(3) if flip else images
