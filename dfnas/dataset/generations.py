"""A generation of synthetic images with its labels, batch by batch: one shard in memory at a time.

Shapes: N images, B batch, C channels, H W stored sides, K classes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.format import handle, opened, read
from dfnas.dataset.writing import read_synthetic_shard
from dfnas.runtime.errors import InputError, rebuild


class LabelledImages(NamedTuple):
    """Some images of a generation, on the CPU."""

    images: torch.Tensor
    """uint8 (B, C, H, W)."""
    classes: torch.Tensor
    """int64 (B,), what they were made for."""
    labels: torch.Tensor
    """float32 (B, K), what the teacher sees in them."""
    targets: torch.Tensor
    """float32 (B, K), what they aimed at."""


def generation_batches(
    shards: Sequence[Path], labels: Path, generation: int, batch_size: int
) -> Iterator[LabelledImages]:
    """All images of a generation in order, in batches that do not depend on how shards are cut.

    Args:
        labels: labels of this generation.

    Raises:
        InputError: a file that is damaged, of another generation, or not of the same images.
    """
    with ExitStack() as held:
        ours = _Labels(held, labels, generation)
        first = 0
        for images, classes, aims in rebatched(_shards(shards, generation), batch_size):
            rows = slice(first, first + len(images))
            first = rows.stop
            if not np.array_equal(ours.classes[rows], classes):
                raise InputError(f"{labels} is not of the images in {shards[0]} and its like; {rebuild(labels)}")
            row_labels = torch.from_numpy(ours.rows[rows])
            if aims.shape != row_labels.shape:
                raise InputError(
                    f"{labels} has labels of {row_labels.shape[1]} classes, but {shards[0]} and its like aim at "
                    f"{aims.shape[1]}; {rebuild(labels)}"
                )
            yield LabelledImages(
                torch.from_numpy(images), torch.from_numpy(classes), row_labels, torch.from_numpy(aims)
            )
        if first != len(ours.classes):
            raise InputError(f"{labels} has {len(ours.classes)} labels, but the shards have {first} images")


def rebatched(parts: Iterable[tuple[np.ndarray, ...]], size: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Arrays that come in parts of any length, side by side, cut anew into `size` rows; fewer in the last."""
    rest: tuple[np.ndarray, ...] | None = None
    for part in parts:
        rest = part if rest is None else tuple(map(np.concatenate, zip(rest, part, strict=True)))
        whole = len(rest[0]) // size * size
        for first in range(0, whole, size):
            yield tuple(values[first : first + size] for values in rest)
        rest = tuple(values[whole:] for values in rest)
    if rest is not None and len(rest[0]):
        yield rest


class _Labels:
    """Labels that are read row by row: `rows` (N, K) on the disk, `classes` (N,)."""

    def __init__(self, held: ExitStack, path: Path, generation: int):
        file, attributes = held.enter_context(opened(path, "labels"))
        check_generation(path, attributes, generation)
        self.rows, self.classes = handle(file, "soft_labels", "float32", 2), read(file, "targets", "int64", 1)
        if len(self.rows) != len(self.classes):
            raise InputError(f"{path}: its arrays differ in length; {rebuild(path)}")


def check_generation(path: Path, attributes: dict[str, Any], generation: int) -> None:
    """Raises InputError for a file of another generation."""
    found = attributes.get("generation")
    if found != generation:
        raise InputError(f"{path} is of generation {found}, expected {generation}")


def check_fits(shard: Path, images: torch.Tensor, aims: torch.Tensor, teacher: Teacher) -> None:
    """Raises InputError unless images (N, C, H, W) of a shard, and their aims (N, K), are of the teacher's task."""
    spec = teacher.spec
    if aims.shape[1] != spec.classes or images.shape[1] != spec.channels:
        raise InputError(
            f"{shard} has {images.shape[1]} channels and {aims.shape[1]} classes, but the teacher has "
            f"{spec.channels} and {spec.classes}; it was made from another teacher"
        )
    if any(side < least for side, least in zip(images.shape[2:], spec.size, strict=True)):
        raise InputError(
            f"{shard} has images of {tuple(images.shape[2:])}, but the teacher sees {spec.size}; "
            "it was made from another teacher"
        )


def _shards(paths: Sequence[Path], generation: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    shape = None
    for path in paths:
        images, classes, aims, attributes = read_synthetic_shard(path)
        check_generation(path, attributes, generation)
        shape = shape or images.shape[1:]
        if images.shape[1:] != shape:
            raise InputError(f"{path} has images {images.shape[1:]}, expected {shape}; {rebuild(path)}")
        yield images, classes, aims


def took_steps(attributes: Mapping[str, Any]) -> bool:
    """Whether the images of a shard, by what it says of itself, were optimised, and are not what an inversion starts
    from (`stages: []`)."""
    provenance = attributes.get("provenance")
    settings = provenance.get("settings") if isinstance(provenance, Mapping) else None
    return isinstance(settings, Mapping) and bool(settings.get("stages"))
