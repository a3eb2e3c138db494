"""Windows of random size and place in an image, and what is seen through them at the size of a network's input.

Shapes: B images, n windows (1 or B), C channels, H' W' of the image, H W of what is seen.
"""

import math

import torch


def draw_window(
    sides: tuple[int, int], area: tuple[float, float], aspect: tuple[float, float], generator: torch.Generator
) -> tuple[int, int, int, int]:
    """Top, left, height and width in pixels of a window of random area and aspect, as torchvision's RandomResizedCrop
    draws it: the aspect uniform in its logarithm; after ten windows that do not fit, the largest in the middle that
    has the nearest aspect.

    Args:
        sides: (H', W').
        area: smallest and largest share of the image that it takes.
        aspect: smallest and largest ratio of width to height.
        generator: on the CPU.
    """
    image_height, image_width = sides
    for _ in range(10):
        u, v = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
        pixels = image_height * image_width * (area[0] + u * (area[1] - area[0]))
        lowest, highest = (math.log(ratio) for ratio in aspect)
        ratio = math.exp(lowest + v * (highest - lowest))
        height, width = round(math.sqrt(pixels / ratio)), round(math.sqrt(pixels * ratio))
        if 0 < height <= image_height and 0 < width <= image_width:
            top, left = (
                int(torch.randint(image - side + 1, (), generator=generator))
                for image, side in ((image_height, height), (image_width, width))
            )
            return top, left, height, width
    ratio = min(max(image_width / image_height, aspect[0]), aspect[1])
    height, width = min(image_height, round(image_width / ratio)), min(image_width, round(image_height * ratio))
    return (image_height - height) // 2, (image_width - width) // 2, height, width


def seen_through(
    images: torch.Tensor, windows: torch.Tensor, mirrored: torch.Tensor, size: tuple[int, int], wrap: bool = False
) -> torch.Tensor:
    """Each image through its own window, (B, C, H, W), in two matrix products: along the columns, then along the rows.
    Unlike gathered or sampled pixels, their gradient is added in one order on a GPU too. A window of the size of what
    is seen is copied exactly.

    Args:
        images: (B, C, H', W'), float.
        windows: int64 (n, 4) on their device: top, left, height and width.
        mirrored: bool (n,), left to right.
        wrap: whether a window may reach over the edge, and goes on at the other side.
    """
    top, left, height, width = windows.unbind(1)
    rows = _interpolation(top, height, size[0], images.shape[2], wrap)
    columns = _interpolation(left, width, size[1], images.shape[3], wrap)
    columns = torch.where(mirrored[:, None, None], columns.flip(1), columns)
    return rows[:, None].to(images.dtype) @ images @ columns[:, None].to(images.dtype).mT


def _interpolation(start: torch.Tensor, length: torch.Tensor, count: int, extent: int, wrap: bool) -> torch.Tensor:
    """Weights (n, count, extent) that interpolate linearly from `extent` pixels to `count` pixels over the spans
    from `start` (n,) of `length` (n,), pixel centres at halves, edges repeated: `F.interpolate`, bilinear, of the
    window."""
    place = (torch.arange(count, device=start.device) + 0.5) * (length[:, None] / count) - 0.5  # (n, count)
    place = start[:, None] + place.clamp(min=0).minimum(length[:, None] - 1)
    if wrap:
        place = place % extent
    pixels = torch.arange(extent, device=start.device)
    return (1 - (place[:, :, None] - pixels).abs()).clamp(min=0)
