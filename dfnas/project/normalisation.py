"""Which normalisation suits a classifier, by what it makes of some real images.

A normalisation that is wrong is possible all the same: nothing in the weights says it. With the right one real images
come closest to the statistics that BatchNorms remember of the training, and the classifier is sure of the right class.

Shapes: N images, C channels, H W input.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from dfnas.classifiers.teacher import Teacher
from dfnas.measure.statistics import NormStatistics, norm_layers
from dfnas.project.questions import NORMALISATIONS, suits

NEAR = 1.15
"""How many times as far as the best a normalisation may be and count as as good."""
CONFIGURED = "as configured"


class Suits(NamedTuple):
    """What a classifier makes of images under a normalisation."""

    name: str
    distance: float | None
    """Mean relative distance from the statistics of its BatchNorms; None where it has none."""
    seen: tuple[int, ...]
    """The most probable class of each image."""
    probabilities: tuple[float, ...]
    """Of that class."""


@torch.no_grad()
def compared(teacher: Teacher, images: np.ndarray) -> list[Suits]:
    """The configured normalisation, then the usual ones.

    Args:
        images: (N, C, H, W) uint8.
    """
    device = teacher.mean.device
    pixels = torch.from_numpy(images).to(device, torch.float32) / 255
    found = []
    for name, mean, std in _candidates(teacher):
        with NormStatistics(norm_layers(teacher.network, teacher.batch_norms())) as norms:
            logits = teacher.network((pixels - mean.to(device)) / std.to(device)).float()
        distances = [value for distance in norms.distances().values() for value in distance]
        probabilities, seen = logits.softmax(1).max(1)
        mean_distance = sum(distances) / len(distances) if distances else None
        found.append(Suits(name, mean_distance, tuple(seen.tolist()), tuple(probabilities.tolist())))
    return found


def _candidates(teacher: Teacher) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    yield CONFIGURED, teacher.mean.cpu(), teacher.std.cpu()
    channels = teacher.spec.channels
    for name, pair in NORMALISATIONS.items():
        if suits(name, channels):
            mean, std = (torch.tensor(values * (channels // len(values))).view(1, -1, 1, 1) for values in pair)
            if not (torch.allclose(mean, teacher.mean.cpu()) and torch.allclose(std, teacher.std.cpu())):
                yield name, mean, std
