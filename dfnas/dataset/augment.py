"""What a network sees of stored images: crops, flips, cutout and normalisation of whole batches on the device.

Shapes: B batch, C channels, P Q stored height and width, H W those of the input. Pixels lie channels last, so that a
row of a view is one run of bytes: a crop copies runs, and a normalisation repeats its C numbers along them.
"""

import functools
import operator

import torch
from torch.nn import functional as F

from dfnas.dataset.images import ImageSet
from dfnas.settings.training import AugmentationSettings


def plain_view(data: ImageSet, images: torch.Tensor) -> torch.Tensor:
    """The centre of stored images (B, C, P, Q) uint8, normalised: (B, C, H, W) float32."""
    return _normalised(data, center(images, data.size).permute(0, 2, 3, 1))


def center(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """The central (B, C, *size) of images (B, C, H, W), each side at least that of `size`. A view."""
    top, left = ((side - kept) // 2 for side, kept in zip(images.shape[-2:], size, strict=True))
    assert min(top, left) >= 0, (images.shape, size)
    return images[..., top : top + size[0], left : left + size[1]]


def augmented_view(
    data: ImageSet, images: torch.Tensor, settings: AugmentationSettings, generator: torch.Generator
) -> torch.Tensor:
    """A random view of stored images (B, C, P, Q) uint8, drawn image by image: (B, C, H, W) float32.

    Args:
        generator: on the CPU; its draws do not depend on the device.
    """
    count, pad = len(images), settings.pad
    tops, lefts = (
        torch.randint(stored + 2 * pad - side + 1, (count,), generator=generator).to(images.device)
        for stored, side in zip(images.shape[2:], data.size, strict=True)
    )
    views = _crops(F.pad(images.permute(0, 2, 3, 1), [0, 0, *[pad] * 4]), tops, lefts, data.size)
    if settings.flip:
        mirrored = (torch.rand(count, generator=generator) < 0.5).to(images.device)
        both = torch.stack([views, views.flip(2)], 1).flatten(0, 1)  # quicker than to pick and mirror half of them
        views = both.index_select(0, 2 * torch.arange(count, device=images.device) + mirrored)
    views = _normalised(data, views)
    return cutout(views, settings.cutout, generator) if settings.cutout else views


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
    inside = []
    for side in views.shape[2:]:
        low = torch.randint(side, (len(views), 1), generator=generator).to(views.device) - length // 2
        pixels = torch.arange(side, device=views.device)
        inside.append((pixels >= low) & (pixels < low + length))  # (B, H), then (B, W)
    rows, columns = inside
    return views.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


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
    """Pixels (B, H, W, C) uint8 as a network takes them: (B, C, H, W) float32, channels last."""
    mean, std = (torch.tensor(values, device=images.device).repeat(images.shape[2]) for values in (data.mean, data.std))
    rows = images.float().contiguous().flatten(2)  # (B, H, W · C)
    return rows.div_(255).sub_(mean).div_(std).view(images.shape).permute(0, 3, 1, 2)
