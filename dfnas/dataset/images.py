"""One split of a data set, ready for batches.

Shapes: N images, B batch, C channels, P Q stored height and width, H W those of the input, K classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from dfnas.dataset.format import SPLITS, opened, read
from dfnas.dataset.loading import loaded
from dfnas.dataset.split import check_classes
from dfnas.dataset.stored import StoredImages, Stream
from dfnas.dataset.virtual import sharded_images
from dfnas.runtime.errors import InputError, rebuild
from dfnas.settings.base import as_size


@dataclass(frozen=True)
class ImageSet:
    """Images with their targets, which lie on the device where batches are wanted.

    The images lie there too, as bytes, where they fit: a batch is then an index operation, and no loader can be the
    limit. Others come from where they lie, batch by batch (`dfnas.dataset.stored`).
    """

    stored: StoredImages
    """uint8 (N, C, P, Q), P at least H and Q at least W: synthetic images come on their canvas. A tensor can be given;
    on another device than the labels it stays there."""
    soft_labels: torch.Tensor
    """float32 (N, K), rows sum to 1."""
    targets: torch.Tensor
    """int64 (N,), the class that the image was made or labelled for."""
    size: tuple[int, int]
    """(H, W) of what a network sees."""
    mean: tuple[float, ...]
    """Normalisation of pixels in [0, 1], per channel."""
    std: tuple[float, ...]
    class_names: tuple[str, ...] = ()
    """Of the K classes, in the order of their numbers, where anything says them."""

    def __post_init__(self) -> None:
        if isinstance(self.stored, torch.Tensor):
            object.__setattr__(self, "stored", StoredImages(self.stored, self.soft_labels.device))

    def __len__(self) -> int:
        return len(self.stored)

    @property
    def device(self) -> torch.device:
        """Where batches come to."""
        return self.stored.device

    @property
    def images(self) -> torch.Tensor:
        """All at once on the device, uint8 (N, C, P, Q): where they lie there, themselves."""
        return self.stored.stream([slice(None)])[0]

    @property
    def sides(self) -> tuple[int, int]:
        """(P, Q)."""
        _, _, height, width = self.stored.shape
        return height, width

    @property
    def channels(self) -> int:
        return self.stored.shape[1]

    @property
    def classes(self) -> int:
        return self.soft_labels.shape[1]

    @property
    def likely(self) -> torch.Tensor:
        """int64 (N,), the most likely class of each label: of an original image its class, of a synthetic one what the
        teacher sees in it. That is what a network learns from the image, and so what it is judged by: where the two
        differ, as in nearly all noise, `targets` is what somebody wished for."""
        return self.soft_labels.argmax(1)

    def subset(self, indices: torch.Tensor) -> "ImageSet":
        """The images at some indices, int64 (M,): the same memory, not copies."""
        own = indices.to(self.soft_labels.device)
        soft_labels, targets = self.soft_labels[own], self.targets[own]
        return replace(self, stored=self.stored.subset(indices), soft_labels=soft_labels, targets=targets)

    def stream(self, parts: Sequence[slice]) -> Stream:
        """The images in order, in parts, uint8 (B, C, P, Q) each."""
        return self.stored.stream(parts)


def load_split(path: str | Path, split: str, device: torch.device | str) -> ImageSet:
    """Reads one split of a data set and checks it.

    Raises:
        InputError: the file is absent, damaged or inconsistent, has no such split, or lacks a class.
    """
    path = Path(path)
    with opened(path, "dataset") as (file, attributes), sharded_images(path, file, attributes) as images:
        which = read(file, "split", "uint8", 1)
        soft_labels, targets = read(file, "soft_labels", "float32", 2), read(file, "targets", "int64", 1)
        if not len(images) == len(which) == len(soft_labels) == len(targets):
            raise InputError(f"{path}: its arrays differ in length; {rebuild(path)}")
        chosen = np.flatnonzero(which == SPLITS.index(split))
        if not len(chosen):
            raise InputError(f"{path} has no {split} images")
        stored = loaded(images, chosen, torch.device(device), split)
    classes = len(attributes["class_names"])
    check_classes(targets[chosen], classes, f"{path}: split '{split}'")
    if soft_labels.shape[1] != classes or not np.allclose(soft_labels.sum(1), 1, atol=1e-3):
        raise InputError(f"{path}: soft labels are not distributions over {classes} classes; {rebuild(path)}")
    return ImageSet(
        stored,
        torch.from_numpy(soft_labels[chosen]).to(device),
        torch.from_numpy(targets[chosen]).to(device),
        as_size(attributes["size"]),
        tuple(attributes["mean"]),
        tuple(attributes["std"]),
        tuple(attributes["class_names"]),
    )


def image_batches(path: Path, batch_size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """All images of a data set in order, uint8 (B, C, P, Q) on the CPU, with their generations, int32 (B,): -1 for
    original ones. One batch is in memory at a time.

    Raises:
        InputError: the file is absent, damaged or inconsistent.
    """
    with opened(path, "dataset") as (file, attributes), sharded_images(path, file, attributes) as images:
        generations = read(file, "generation", "int32", 1)
        if len(images) != len(generations):
            raise InputError(f"{path}: its arrays differ in length; {rebuild(path)}")
        for first in range(0, len(images), batch_size):
            rows = slice(first, first + batch_size)
            yield torch.from_numpy(images[rows]), torch.from_numpy(generations[rows])
