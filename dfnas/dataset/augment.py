"""What a network sees of stored images: crops, flips, cutout and normalisation of whole batches on the device.

Shapes: B batch, C channels, P stored side, S input side.
"""

import torch
from torch.nn import functional as F

from dfnas.dataset.images import ImageSet
from dfnas.settings.training import AugmentationSettings


def plain_view(data: ImageSet, images: torch.Tensor) -> torch.Tensor:
    """The centre of stored images (B, C, P, P) uint8, normalised: (B, C, S, S) float32."""
    margin = (images.shape[-1] - data.size) // 2
    return _normalised(data, images[..., margin : margin + data.size, margin : margin + data.size])


def augmented_view(
    data: ImageSet, images: torch.Tensor, settings: AugmentationSettings, generator: torch.Generator
) -> torch.Tensor:
    """A random view of stored images (B, C, P, P) uint8, drawn image by image: (B, C, S, S) float32.

    Args:
        generator: on the CPU; its draws do not depend on the device.
    """
    count, side = len(images), data.size
    padded = images.shape[-1] + 2 * settings.pad
    corners = torch.randint(padded - side + 1, (2, count), generator=generator).to(images.device)
    columns = torch.arange(side, device=images.device).expand(count, side)
    if settings.flip:
        mirrored = (torch.rand(count, generator=generator) < 0.5).to(images.device)
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    rows = corners[0, :, None] + torch.arange(side, device=images.device)  # (B, S)
    columns = corners[1, :, None] + columns
    if settings.pad:
        images = F.pad(images, [settings.pad] * 4)
    batch = torch.arange(count, device=images.device)[:, None, None]
    views = images.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]]  # (B, S, S, C)
    views = _normalised(data, views.permute(0, 3, 1, 2))
    return cutout(views, settings.cutout, generator) if settings.cutout else views


def cutout(views: torch.Tensor, length: int, generator: torch.Generator) -> torch.Tensor:
    """Sets a square of the given side around a random pixel of each image to zero, the mean of normalised
    images; the part of the square that lies outside is lost (DeVries and Taylor 2017)."""
    side = views.shape[-1]
    centres = torch.randint(side, (2, len(views), 1), generator=generator).to(views.device)
    pixels = torch.arange(side, device=views.device)
    low, high = centres - length // 2, centres - length // 2 + length
    inside = (pixels >= low) & (pixels < high)  # (2, B, S)
    return views.masked_fill((inside[0][:, :, None] & inside[1][:, None, :])[:, None], 0.0)


def _normalised(data: ImageSet, images: torch.Tensor) -> torch.Tensor:
    mean = torch.tensor(data.mean, device=images.device).view(1, -1, 1, 1)
    std = torch.tensor(data.std, device=images.device).view(1, -1, 1, 1)
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
