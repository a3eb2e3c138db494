"""Writing shards, labels and data sets.

Shapes: N images, C channels, H W stored sides, K classes.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from dfnas.dataset.format import SPLITS, add, add_pieces, created, handle, opened, read, seal_of
from dfnas.dataset.split import check_classes
from dfnas.dataset.virtual import SEALS, add_virtual_images
from dfnas.runtime.errors import InputError, rebuild


class Records(NamedTuple):
    """What a data set says of its images, in their order."""

    soft_labels: np.ndarray
    """float32 (N, K)."""
    targets: np.ndarray
    """int64 (N,)."""
    generation: np.ndarray
    """int32 (N,); -1 for original images."""
    split: np.ndarray
    """uint8 (N,), an index into SPLITS."""


def write_shard(
    path: Path,
    images: np.ndarray | Iterable[np.ndarray],
    targets: np.ndarray,
    attributes: Mapping[str, Any],
    aims: np.ndarray | None = None,
) -> None:
    """Writes images uint8 (N, C, H, W), whole or in pieces that follow each other, with their target classes (N,) and,
    for synthetic images, the distributions (N, K) that they aimed at."""
    with created(path, "shard", attributes) as file:
        add_pieces(file, "images", len(targets), [images] if isinstance(images, np.ndarray) else images)
        add(file, "targets", targets.astype(np.int64))
        if aims is not None:
            add(file, "aims", aims.astype(np.float32))


def read_shard(path: Path) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Images (N, C, H, W), target classes (N,) and attributes of a shard. Raises InputError if it is unfit."""
    with opened(path, "shard") as (file, attributes):
        return *_read_images(path, file), attributes


def read_synthetic_shard(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """The same of a synthetic shard, with what its images aimed at, (N, K), before the attributes."""
    with opened(path, "shard") as (file, attributes):
        images, targets = _read_images(path, file)
        aims = read(file, "aims", "float32", 2)
    _check_range(path, targets, aims)
    return images, targets, aims, attributes


def _read_images(path: Path, file: h5py.File) -> tuple[np.ndarray, np.ndarray]:
    images, targets = read(file, "images", "uint8", 4), read(file, "targets", "int64", 1)
    if len(images) != len(targets):
        raise InputError(f"{path} has {len(images)} images and {len(targets)} targets; {rebuild(path)}")
    return images, targets


def write_labels(path: Path, soft_labels: np.ndarray, targets: np.ndarray, attributes: Mapping[str, Any]) -> None:
    """Writes the labels float32 (N, K) of a generation, in the order of its images, with the target classes (N,)."""
    with created(path, "labels", attributes) as file:
        add(file, "soft_labels", soft_labels.astype(np.float32))
        add(file, "targets", targets.astype(np.int64))


def read_labels(path: Path) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Soft labels (N, K), target classes (N,) and attributes of a generation. Raises InputError if unfit."""
    with opened(path, "labels") as (file, attributes):
        soft_labels, targets = read(file, "soft_labels", "float32", 2), read(file, "targets", "int64", 1)
    if len(soft_labels) != len(targets):
        raise InputError(f"{path}: its arrays differ in length; {rebuild(path)}")
    _check_range(path, targets, soft_labels)
    return soft_labels, targets, attributes


def _check_range(path: Path, targets: np.ndarray, distributions: np.ndarray) -> None:
    """Raises InputError unless targets (N,) are classes of distributions (N, K), which are numbers."""
    classes = distributions.shape[1]
    if len(targets) and not 0 <= targets.min() <= targets.max() < classes:
        raise InputError(f"{path} has targets that are none of its {classes} classes; {rebuild(path)}")
    if not np.isfinite(distributions).all():
        raise InputError(f"{path} has distributions that are not finite; {rebuild(path)}")


def write_dataset(path: Path, shards: Sequence[Path], records: Records, attributes: Mapping[str, Any]) -> None:
    """Writes a data set over the images of its shards, which stay where they are.

    Args:
        attributes: must have `size`, `mean`, `std` and `class_names`.

    Raises:
        InputError: shards of different image shapes, a number of images other than that of the records, or a
            class without images in the training or validation split.
    """
    counts, seals, shapes = [], [], set()
    for shard in shards:
        with opened(shard, "shard") as (file, _):
            images = handle(file, "images", "uint8", 4)
            counts.append(len(images))
            seals.append(seal_of(file))
            shapes.add(images.shape[1:])
    if len(shapes) != 1:
        raise InputError(f"the shards of {path} differ in the shape of their images: {sorted(shapes)}")
    if sum(counts) != len(records.targets):
        raise InputError(f"the shards of {path} hold {sum(counts)} images, but there are {len(records.targets)} labels")
    for split in ("train", "validation"):
        chosen = records.targets[records.split == SPLITS.index(split)]
        check_classes(chosen, len(attributes["class_names"]), f"{path}: split '{split}'")
    with created(path, "dataset", {**attributes, SEALS: seals}) as file:
        add_virtual_images(file, path.parent, list(shards), shapes.pop(), counts)
        for name, values in records._asdict().items():
            add(file, name, values)
