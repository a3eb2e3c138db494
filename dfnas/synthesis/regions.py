"""The region operator r: which part of the canvas a step of the inversion sees, and so updates.

Paper section 3, "regional update"; release, Image_Synthesis/train.py:118-132 (whose flip is always on: here it is
a fair coin). Rolling is DeepInversion's jitter.

Shapes: B batch, C channels, H W of the teacher's input.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional as F

RegionMode = Literal["random_crop", "roll", "none"]


@dataclass(frozen=True)
class Region:
    """What one step sees. `random_crop`: a window at (top, left); `roll`: a shift by (top, left)."""

    top: int = 0
    """Pixels of the canvas after it was averaged down."""
    left: int = 0
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
    """Canvas pixels: the largest offset of a crop, or the largest shift of a roll in either direction."""
    downscale: int = 1
    """Factor by which the canvas is averaged down before."""

    @property
    def seen(self) -> tuple[int, int]:
        """Height and width in pixels of what `apply` returns."""
        return self.size[0] // self.downscale, self.size[1] // self.downscale

    def draw(self, generator: torch.Generator) -> Region:
        """A region, uniform over all offsets, first and last included. The generator is one of the CPU."""
        reach = self.reach // self.downscale
        first = {"random_crop": 0, "roll": -reach, "none": 0}[self.mode]
        last = 0 if self.mode == "none" else reach
        top, left = torch.randint(first, last + 1, (2,), generator=generator).tolist()
        flip = self.flip and bool(torch.randint(2, (), generator=generator))
        return Region(top, left, flip)

    def apply(self, canvas: torch.Tensor, region: Region) -> torch.Tensor:
        """The region of a canvas; pixels outside of it take no gradient.

        Args:
            canvas: (B, C, H', W'), at least H and W, and those + `reach` for random crops. Roll and none take
                its centre.

        Returns:
            (B, C, *seen).
        """
        factor = self.downscale
        height, width = (side * factor for side in self.seen)
        if self.mode == "random_crop":
            # Averaging the window alone gives what a window of the averaged canvas holds, for less.
            top, left = region.top * factor, region.left * factor
            seen = canvas[:, :, top : top + height, left : left + width]
        else:
            seen = center(canvas, (height, width))
        if factor > 1:
            seen = F.avg_pool2d(seen, factor)
        if self.mode == "roll":
            seen = seen.roll((region.top, region.left), (2, 3))
        return seen.flip(3) if region.flip else seen


def center(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """The central (B, C, *size) of images (B, C, H, W), H and W at least those of `size`. A view."""
    (height, width), (rows, columns) = images.shape[-2:], size
    assert height >= rows and width >= columns, (images.shape, size)
    top, left = (height - rows) // 2, (width - columns) // 2
    return images[..., top : top + rows, left : left + columns]
