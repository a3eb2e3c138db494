"""Random brightness, contrast, saturation and hue of images, each image by its own factors and in its own order, as
torchvision's ColorJitter.

Shapes: B batch, H W pixels, C = 1 or 3 channels; pixels are floats from 0 to 255.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch

from dfnas.runtime.transfers import constant, sent
from dfnas.settings.training import JitterSettings

GREY = (0.2989, 0.587, 0.114)
"""Shares of red, green and blue in a grey value, as torchvision has them."""
WHITE = 255.0
PLACES = (5.0, 3.0, 1.0)
"""Of red, green and blue on the circle of hues, in sixths of a turn."""


class Colours(NamedTuple):
    """What happens to the colours of each image of a batch."""

    factors: torch.Tensor
    """float32 (B, 4): of brightness, contrast and saturation, where 1 leaves an image as it is, and by how much of a
    turn the hue goes round."""
    order: torch.Tensor
    """int64 (B, 4), which of these comes first to last."""

    def of(self, rows: slice) -> "Colours":
        """Those of some images of the batch."""
        return Colours(self.factors[rows], self.order[rows])


def draw_colours(count: int, settings: JitterSettings, generator: torch.Generator) -> Colours:
    """Factors uniform from 1 - s, but not below 0, to 1 + s for the strength s of each, turns from -s to s; orders
    uniform. The generator is of the CPU."""
    strength = torch.tensor([settings.brightness, settings.contrast, settings.saturation, settings.hue])
    middle = torch.tensor([1.0, 1.0, 1.0, 0.0])
    lowest = torch.maximum(middle - strength, middle - 1)
    factors = lowest + (middle + strength - lowest) * torch.rand(count, 4, generator=generator)
    return Colours(factors, torch.rand(count, 4, generator=generator).argsort(1))


def coloured(pixels: torch.Tensor, colours: Colours) -> torch.Tensor:
    """Images (B, H, W, C) with other colours, each step of an image's order clipped to valid pixels."""
    pixels, device = pixels.clone(), pixels.device
    changes: tuple[Callable[..., torch.Tensor], ...] = (torch.mul, _contrasted, _saturated, _turned)
    # The images of each kind one after the other, at each place: found on the CPU, so that no device is waited for.
    rows = colours.order.argsort(dim=0, stable=True)  # (B, 4)
    factors = colours.factors.gather(1, colours.order).gather(0, rows)
    counts = [column.bincount(minlength=len(changes)).tolist() for column in colours.order.unbind(1)]
    rows, factors = sent(rows, device), sent(factors, device)
    for place, count in enumerate(counts):
        parts = zip(changes, rows[:, place].split(count), factors[:, place].split(count), strict=True)
        for change, chosen, strength in parts:
            pixels[chosen] = change(pixels[chosen], strength[:, None, None, None]).clamp_(0, WHITE)
    return pixels


def _contrasted(images: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    return torch.lerp(_grey(images).mean((1, 2, 3), keepdim=True), images, factors)


def _saturated(images: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    return torch.lerp(_grey(images), images, factors)


def _turned(images: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """The hue of HSV turned round, all else as it is."""
    if images.shape[3] == 1:
        return images
    red, green, blue = images.split(1, 3)
    value = images.amax(3, keepdim=True)
    chroma = value - images.amin(3, keepdim=True)
    safe = torch.where(chroma > 0, chroma, 1.0)
    hue = torch.where(  # in sixths of a turn
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    place = (constant(PLACES, images.device) + hue + 6 * turns) % 6
    return value - chroma * torch.minimum(place, 4 - place).clamp(0, 1)


def _grey(images: torch.Tensor) -> torch.Tensor:
    if images.shape[3] == 1:
        return images
    return (images * constant(GREY, images.device)).sum(3, keepdim=True)
