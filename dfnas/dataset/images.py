"""One split of a data set, ready for batches.

Shapes: N images, B batch, C channels, P Q stored height and width, H W those of the input, K classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from dfnas.dataset.format import SPLITS, opened, read
from dfnas.dataset.split import check_classes
from dfnas.dataset.virtual import ShardedImages, sharded_images
from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.limits import needing
from dfnas.settings.base import as_size

PIECE_BYTES = 1 << 23
"""Of a shard's images, in memory at once beside those that are kept."""


@dataclass(frozen=True)
class ImageSet:
    """Images that lie on one device, with their targets.

    Small images are kept there as bytes: a batch is then an index operation, and no loader can be the limit.
    """

    images: torch.Tensor
    """uint8 (N, C, P, Q), P at least H and Q at least W: synthetic images come on their canvas. Channels last in
    memory, which crops are quickest from; others are copied."""
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
        object.__setattr__(self, "images", self.images.contiguous(memory_format=torch.channels_last))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        return self.images.shape[1]

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
        """The images at some indices, int64 (M,)."""
        indices = indices.to(self.images.device)
        images, soft_labels, targets = (part[indices] for part in (self.images, self.soft_labels, self.targets))
        return replace(self, images=images, soft_labels=soft_labels, targets=targets)


def load_split(path: str | Path, split: str, device: torch.device) -> ImageSet:
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
        size = len(chosen) * int(np.prod(images.shape[1:], dtype=np.int64))
        with needing(f"the {split} images of {path}", size, "keep fewer or smaller ones"):
            pixels = _rows(images, chosen)
    classes = len(attributes["class_names"])
    check_classes(targets[chosen], classes, f"{path}: split '{split}'")
    if soft_labels.shape[1] != classes or not np.allclose(soft_labels.sum(1), 1, atol=1e-3):
        raise InputError(f"{path}: soft labels are not distributions over {classes} classes; {rebuild(path)}")
    return ImageSet(
        torch.from_numpy(pixels).to(device),
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


def _rows(images: ShardedImages | np.ndarray, chosen: np.ndarray, piece: int | None = None) -> np.ndarray:
    """Some rows of a large array, read once through in order: HDF5 is slow at picking single rows.

    Args:
        piece: rows in memory at once beside those that are chosen; by default as many as fit into PIECE_BYTES.
    """
    rows = np.empty((len(chosen), *images.shape[1:]), dtype=np.uint8)
    piece = piece or max(1, PIECE_BYTES // max(1, rows[:1].nbytes))
    for first in range(0, len(images), piece):
        begin, end = np.searchsorted(chosen, (first, first + piece))
        if begin < end:
            rows[begin:end] = images[first : first + piece][chosen[begin:end] - first]
    return rows
