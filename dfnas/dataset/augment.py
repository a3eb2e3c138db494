"""What a network sees of stored images: crops, flips, cutout and normalisation of whole batches on the device.

Shapes: B batch, C channels, P Q stored height and width, H W those of the input.
"""

import torch
from torch.nn import functional as F

from dfnas.dataset.images import ImageSet
from dfnas.settings.training import AugmentationSettings


def plain_view(data: ImageSet, images: torch.Tensor) -> torch.Tensor:
    """The centre of stored images (B, C, P, Q) uint8, normalised: (B, C, H, W) float32."""
    return _normalised(data, center(images, data.size))


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
    count, (height, width) = len(images), data.size
    tops, lefts = (
        torch.randint(stored + 2 * settings.pad - side + 1, (count, 1), generator=generator).to(images.device)
        for stored, side in zip(images.shape[2:], data.size, strict=True)
    )
    columns = torch.arange(width, device=images.device).expand(count, width)
    if settings.flip:
        mirrored = (torch.rand(count, generator=generator) < 0.5).to(images.device)
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    rows = tops + torch.arange(height, device=images.device)  # (B, H)
    columns = lefts + columns  # (B, W)
    if settings.pad:
        images = F.pad(images, [settings.pad] * 4)
    batch = torch.arange(count, device=images.device)[:, None, None]
    views = images.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]]  # (B, H, W, C)
    views = _normalised(data, views.permute(0, 3, 1, 2))
    return cutout(views, settings.cutout, generator) if settings.cutout else views


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


def _normalised(data: ImageSet, images: torch.Tensor) -> torch.Tensor:
    mean = torch.tensor(data.mean, device=images.device).view(1, -1, 1, 1)
    std = torch.tensor(data.std, device=images.device).view(1, -1, 1, 1)
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
