"""What an inversion starts from.

The publications start from Gaussian noise. Its spectrum is flat, and what some hundred steps leave of it shows in every
image. Photographs are unlike it in two ways that need no photograph to be known: their amplitudes fall as 1/f with the
frequency (Field 1987), and they are of objects that hide each other. Dead leaves have both: opaque shapes of many sizes
that have fallen on each other (Lee, Mumford and Huang 2001, "Occlusion models for natural images"). That networks can
learn to see from them is due to Baradad et al. 2021, "Learning to see by looking at noise".

Shapes: B images, C channels, H' W' of the canvas.
"""

import math

import torch

from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.seeds import generator
from dfnas.runtime.transfers import sent

LEAVES = 200
"""They would cover a canvas three and a half times; a twentieth of it is left, as one more colour."""
RADII = 0.03, 1.0
"""Smallest and largest radius, of the canvas' longer side (Baradad et al.). On a large canvas nothing is finer."""
LEAST = 0.5
"""Of a radius, in pixels: a smaller leaf would not hide what is under it."""
STRETCH = 2.0
"""Largest ratio of a leaf's longer radius to the geometric mean of both."""


def first_canvas(
    start: str, count: int, teacher: Teacher, sides: tuple[int, int], seed: int, *path: int | str
) -> torch.Tensor:
    """The canvas before the first step, in the teacher's normalised space: (B, C, H', W') float32 on its device.

    Args:
        start: as in the settings.
        seed, path: of the user, and the purpose, see `seeds.generator`.
    """
    rng, channels = generator(seed, *path, start), teacher.spec.channels
    if start == "noise":  # release, Image_Synthesis/train.py:93
        return sent(torch.randn(count, channels, *sides, generator=rng), teacher.mean.device)
    assert start == "leaves", start
    return (sent(dead_leaves(count, channels, sides, rng), teacher.mean.device) - teacher.mean) / teacher.std


def dead_leaves(count: int, channels: int, sides: tuple[int, int], rng: torch.Generator) -> torch.Tensor:
    """Ellipses and rectangles on each other: (B, C, H', W') float32 in [0, 1].

    Radii have the density r⁻³ between `RADII`, at which no scale is special; places, directions and colours are
    uniform, and an edge is one or two pixels wide. Everything is element by element, so that its bits do not depend on
    the number of threads.
    """
    height, width = sides
    rows, columns = torch.arange(height).view(-1, 1), torch.arange(width)
    smallest, largest = (max(LEAST, share * max(sides)) for share in RADII)

    def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=rng)

    canvas = uniform(channels, 1, 1).expand(count, channels, height, width)
    for _ in range(LEAVES):
        radius = uniform(1, 1, low=largest**-2, high=smallest**-2) ** -0.5
        down, right = rows - height * uniform(1, 1), columns - width * uniform(1, 1)  # (B, H', 1), (B, 1, W')
        angle, stretch = math.pi * uniform(1, 1), STRETCH ** uniform(1, 1, low=-1)
        along = (right * angle.cos() + down * angle.sin()) / (radius * stretch)
        across = (down * angle.cos() - right * angle.sin()) / (radius / stretch)
        rectangle = torch.maximum(along.abs(), across.abs())
        reach = torch.where(uniform(1, 1) < 0.5, rectangle, (along**2 + across**2).sqrt())
        cover = ((1 - reach) * radius + 0.5).clamp(0, 1).unsqueeze(1)  # (B, 1, H', W')
        canvas = torch.lerp(canvas, uniform(channels, 1, 1), cover)
    return canvas
