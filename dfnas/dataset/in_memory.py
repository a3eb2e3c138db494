"""Training and held-out images straight from tensors: for scripts, which write no data set.

Shapes: N images, C channels, H' W' sides of the canvas, K classes.
"""

import numpy as np
import torch

from dfnas.classifiers.description import TeacherSpec
from dfnas.dataset.images import ImageSet
from dfnas.dataset.split import check_classes, held_out
from dfnas.dataset.stored import StoredImages


def image_sets(
    images: torch.Tensor,
    soft_labels: torch.Tensor,
    classes: torch.Tensor,
    spec: TeacherSpec,
    validation_fraction: float = 0.1,
    seed: int = 0,
) -> tuple[ImageSet, ImageSet]:
    """Images to train on and images held out, split as `shard_dataset` splits them: the same share of every class.

    Args:
        images: uint8 (N, C, H', W'), at least as large as the teacher's input.
        soft_labels: float32 (N, K), rows that sum to 1.
        classes: int64 (N,), the class that each image was made for.
        spec: of the teacher, whose size and normalisation the networks take over.

    Raises:
        InputError: a class without images, or with a single one.
    """
    numbers = classes.cpu().numpy()
    check_classes(numbers, spec.classes, "the images")
    held = held_out(numbers, validation_fraction, seed, "validation")
    everything = ImageSet(
        StoredImages(images, images.device),
        soft_labels.to(images.device, torch.float32),
        classes.to(images.device),
        spec.size,
        spec.mean,
        spec.std,
        spec.names(),
    )
    return everything.subset(_where(~held)), everything.subset(_where(held))


def _where(chosen: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.flatnonzero(chosen))
