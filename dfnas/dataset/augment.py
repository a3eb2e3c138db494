"""What a network sees of stored images: crops, flips, cutout and normalisation of whole batches on the device.

Shapes: B batch, C channels, P Q stored height and width, H W those of the input. Pixels lie channels last, so that a
row of a view is one run of bytes: a crop copies runs, and a normalisation repeats its C numbers along them.
"""

import functools
import operator
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn import functional as F

from dfnas.dataset.colours import Colours, coloured, draw_colours
from dfnas.dataset.images import ImageSet
from dfnas.dataset.windows import draw_window, seen_through
from dfnas.runtime.transfers import constant, sent
from dfnas.settings.training import AugmentationSettings


class Draws(NamedTuple):
    """What a random view of each image of a batch is: drawn on the CPU, so that it does not depend on the device."""

    corners: torch.Tensor | None = None
    """int64 (B, 2), upper and left edge of the crop in the padded image; None where crops have a random size."""
    mirrored: torch.Tensor | None = None
    """bool (B,), or None where no image is mirrored."""
    holes: torch.Tensor | None = None
    """int64 (B, 2), row and column around which cutout lies, or None without it."""
    windows: torch.Tensor | None = None
    """int64 (B, 4), top, left, height and width of a crop of random size in the stored image."""
    colours: Colours | None = None
    """What happens to the colours."""

    def of(self, rows: slice) -> "Draws":
        """Those of some images of the batch."""
        corners, mirrored, holes, windows = (None if part is None else part[rows] for part in self[:4])
        return Draws(corners, mirrored, holes, windows, self.colours and self.colours.of(rows))


def draw(count: int, data: ImageSet, settings: AugmentationSettings, generator: torch.Generator) -> Draws:
    """The draws for a batch of `count` images. With `flip: alternating`, what is mirrored is not drawn here."""
    corners = windows = None
    if settings.crop_area is None:
        rooms = (stored + 2 * settings.pad - side for stored, side in zip(data.sides, data.size, strict=True))
        corners = torch.stack([torch.randint(room + 1, (count,), generator=generator) for room in rooms], 1)
    else:
        height, width = data.size
        narrowest, widest = (ratio * width / height for ratio in settings.crop_aspect)
        stored, aspect = data.sides, (narrowest, widest)
        windows = torch.tensor([draw_window(stored, settings.crop_area, aspect, generator) for _ in range(count)])
    mirrored = torch.rand(count, generator=generator) < 0.5 if settings.flip is True else None
    holes = _draw_holes(count, data.size, generator) if settings.cutout else None
    colours = draw_colours(count, settings.jitter, generator) if settings.jitter.changes else None
    return Draws(corners, mirrored, holes, windows, colours)


def plain_view(data: ImageSet, images: torch.Tensor) -> torch.Tensor:
    """The centre of stored images (B, C, P, Q) uint8, normalised: (B, C, H, W) float32."""
    return _normalised(data, center(images, data.size).permute(0, 2, 3, 1))


def center(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """The central (B, C, *size) of images (B, C, H, W), each side at least that of `size`. A view."""
    top, left = ((side - kept) // 2 for side, kept in zip(images.shape[-2:], size, strict=True))
    assert min(top, left) >= 0, (images.shape, size)
    return images[..., top : top + size[0], left : left + size[1]]


def drawn_view(data: ImageSet, images: torch.Tensor, settings: AugmentationSettings, draws: Draws) -> torch.Tensor:
    """The view of stored images (B, C, P, Q) uint8 that was drawn for them: (B, C, H, W) float32."""
    if draws.windows is None:
        views = _shifted(images, settings, draws, data.size)
    else:
        mirrored = torch.zeros(len(images), dtype=torch.bool) if draws.mirrored is None else draws.mirrored
        windows, mirrored = sent(draws.windows, images.device), sent(mirrored, images.device)
        views = seen_through(images.float(), windows, mirrored, data.size).permute(0, 2, 3, 1)
    views = _normalised(data, views if draws.colours is None else coloured(views.float(), draws.colours))
    return views if draws.holes is None else _cut(views, settings.cutout, draws.holes)


def _shifted(images: torch.Tensor, settings: AugmentationSettings, draws: Draws, size: tuple[int, int]) -> torch.Tensor:
    """Crops of the input's size, mirrored where that was drawn: (B, H, W, C) uint8."""
    device = images.device
    padded = _padded(images.permute(0, 2, 3, 1), settings)
    assert draws.corners is not None, "crops have the input's size"
    top, left = sent(draws.corners, device).unbind(1)
    views = _crops(padded, top, left, size)
    if draws.mirrored is None:
        return views
    both = torch.stack([views, views.flip(2)], 1).flatten(0, 1)  # quicker than to pick and mirror half of them
    return both.index_select(0, 2 * torch.arange(len(images), device=device) + sent(draws.mirrored, device))


def averaged(views: torch.Tensor, side: int) -> torch.Tensor:
    """Views (B, C, H, W), channels last, averaged over squares of a side that divides H and W: (B, C, H / side,
    W / side). What average pooling gives, at a sixth of its time for few channels."""
    if side == 1:
        return views
    count, channels, height, width = views.shape
    rows = views.permute(0, 2, 3, 1).reshape(count, height // side, side, width * channels)
    total = functools.reduce(operator.add, rows.unbind(2))
    squares = total.view(count, height // side, width // side, side, channels)
    return functools.reduce(operator.add, squares.unbind(3)).div_(side * side).permute(0, 3, 1, 2)


def cutout(views: torch.Tensor, length: int, generator: torch.Generator) -> torch.Tensor:
    """Sets a square of the given side around a random pixel of each image to zero, the mean of normalised
    images; the part of the square that lies outside is lost (DeVries and Taylor 2017)."""
    return _cut(views, length, _draw_holes(len(views), views.shape[2:], generator))


def _draw_holes(count: int, size: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    return torch.cat([torch.randint(side, (count, 1), generator=generator) for side in size], 1)


def _cut(views: torch.Tensor, length: int, holes: torch.Tensor) -> torch.Tensor:
    inside = []
    for side, middle in zip(views.shape[2:], sent(holes, views.device).split(1, 1), strict=True):
        low = middle - length // 2
        pixels = torch.arange(side, device=views.device)
        inside.append((pixels >= low) & (pixels < low + length))  # (B, H), then (B, W)
    rows, columns = inside
    return views.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


def _padded(images: torch.Tensor, settings: AugmentationSettings) -> torch.Tensor:
    """(B, P + 2 · pad, Q + 2 · pad, C) from images (B, P, Q, C)."""
    pad = settings.pad
    if settings.padding == "zeros":
        return F.pad(images, [0, 0, *[pad] * 4])
    for axis in (1, 2):
        side = images.shape[axis]
        assert pad < side, (pad, side)
        places = torch.arange(-pad, side + pad, device=images.device).abs()
        images = images.index_select(axis, torch.where(places < side, places, 2 * (side - 1) - places))
    return images


def _crops(images: torch.Tensor, tops: torch.Tensor, lefts: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(B, *size, C) of images (B, P, Q, C), from corners int64 (B,) on. Every row of a crop is a row of the matrix of
    all runs of that length, which overlap in memory."""
    images = images.contiguous()
    count, stored_height, stored_width, channels = images.shape
    height, width = size
    run, device = width * channels, images.device
    runs = images.as_strided((images.numel() - run + 1, run), (1, 1))
    rows = (torch.arange(count, device=device) * stored_height + tops)[:, None] + torch.arange(height, device=device)
    starts = (rows * stored_width + lefts[:, None]) * channels  # (B, H)
    return runs.index_select(0, starts.flatten()).view(count, height, width, channels)


def _normalised(data: ImageSet, images: torch.Tensor) -> torch.Tensor:
    """Pixels (B, H, W, C) from 0 to 255 as a network takes them: (B, C, H, W) float32, channels last."""
    mean, std = (constant(values, images.device).repeat(images.shape[2]) for values in (data.mean, data.std))
    rows = images.float().contiguous().flatten(2)  # (B, H, W · C)
    return rows.div_(255).sub_(mean).div_(std).view(images.shape).permute(0, 3, 1, 2)
