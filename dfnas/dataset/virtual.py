"""The images of a data set: one array over those of its shards, which stay where they are.

On the disk it is a virtual dataset of HDF5, so that every program for HDF5 shows it. It is never read as one: HDF5
fills in zeros, without a word, for a shard that is missing, unreadable, damaged or of another shape, and for every
shard that it cannot open because the process has no file descriptor left. Here each shard is opened and tested by
itself, and stays open while its images are read; one at a time, however many there are.

Shapes: N images, C channels, P Q stored height and width.
"""

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from dfnas.dataset.format import damaged, handle, opened, seal_of
from dfnas.runtime.errors import InputError, rebuild

SEALS = "shard_seals"
"""The attribute of a data set with the digests of its shards, in order: a shard that was made anew, or changed places
with another, is not what the labels are of."""


class Part(NamedTuple):
    """A shard, and which images of the whole it holds."""

    shard: Path
    first: int
    length: int
    seal: str | None
    """Its digest; None in data sets that do not say it."""


def add_virtual_images(
    file: h5py.File, folder: Path, shards: list[Path], shape: tuple[int, ...], counts: list[int]
) -> None:
    """Adds `images` (N, C, H, W) as a virtual dataset over those of the shards, by paths relative to `folder`.

    With HDF5's own calls, since h5py's leave the time of day in the file: the same data set would differ from
    run to run, and with it the digest of everything made from it.
    """
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_obj_track_times(False)
    whole = h5py.h5s.create_simple((sum(counts), *shape))
    first = 0
    for shard, count in zip(shards, counts, strict=True):
        part = whole.copy()
        part.select_hyperslab((first, *(0 for _ in shape)), (count, *shape))
        source = h5py.h5s.create_simple((count, *shape))
        properties.set_virtual(part, os.fsencode(os.path.relpath(shard, folder)), b"images", source)
        first += count
    h5py.h5d.create(file.id, b"images", h5py.h5t.STD_U8LE, whole, dcpl=properties)


@contextmanager
def sharded_images(path: Path, file: h5py.File, attributes: Mapping[str, Any]) -> Iterator["ShardedImages"]:
    """The images of an open data set. Raises InputError where they are not laid out as `add_virtual_images` does."""
    whole = handle(file, "images", "uint8", 4, virtual=True)
    parts = _parts(path, whole, attributes.get(SEALS))
    held = ExitStack()
    try:
        yield ShardedImages(path, whole.shape, parts, held)
    finally:
        held.close()  # what goes wrong with the images once they are read is not the shard's fault


class ShardedImages:
    """Images uint8 (N, C, P, Q) of a data set, of which slices are read: `images[first:last]`.

    Attributes:
        shape: (N, C, P, Q).
        dtype: uint8.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self, path: Path, shape: tuple[int, ...], parts: Sequence[Part], held: ExitStack, several: bool = False
    ):
        self.path, self.shape, self.parts = path, shape, parts
        self._held, self._several = held, several
        self._firsts = [part.first for part in parts]
        self._open: dict[int, h5py.Dataset] = {}

    def kept_open(self, held: ExitStack) -> "ShardedImages":
        """The same images, whose shards all stay open once they were read from, until `held` is closed."""
        return ShardedImages(self.path, self.shape, self.parts, held, several=True)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Raises InputError for a shard that is missing, damaged, or not the one that the data set was made of."""
        first, last, step = rows.indices(len(self))
        assert step == 1, rows
        pieces = []
        for number in range(max(bisect_right(self._firsts, first) - 1, 0), len(self.parts)):
            part = self.parts[number]
            begin, end = max(first, part.first), min(last, part.first + part.length)
            if part.first >= last:
                break
            if begin < end:
                images = self._opened(number)
                try:
                    pieces.append(images[begin - part.first : end - part.first])
                except (OSError, RuntimeError) as error:
                    raise damaged(part.shard, error, "images") from error
        if len(pieces) == 1:  # as most are: no copy
            return pieces[0]
        return np.concatenate(pieces) if pieces else np.empty((0, *self.shape[1:]), self.dtype)

    def _opened(self, number: int) -> h5py.Dataset:
        """The images of a shard, which stays open until another is asked for, or as long as all do."""
        part = self.parts[number]
        if number in self._open:
            return self._open[number]
        if not self._several:
            self._open = {}
            self._held.close()
        if not part.shard.is_file():
            raise InputError(
                f"{self.path} points to {part.shard}, which is missing; run the workflow again to rebuild it"
            )
        # Whoever has all shards open reads here and there: what HDF5 would keep of each adds up and is of no use.
        file, _ = self._held.enter_context(opened(part.shard, "shard", 0 if self._several else None))
        images = handle(file, "images", "uint8", 4)
        if images.shape != (part.length, *self.shape[1:]):
            raise InputError(
                f"{self.path} has images {(part.length, *self.shape[1:])} of {part.shard}, which has {images.shape}; "
                f"{rebuild(self.path)}"
            )
        if part.seal not in (None, seal_of(file)):
            raise InputError(
                f"{part.shard} is not the shard that {self.path} was made of: it was made anew, or exchanged; "
                f"{rebuild(self.path)}"
            )
        self._open[number] = images
        return images


def _parts(path: Path, whole: h5py.Dataset, seals: Any) -> list[Part]:
    """The shards of a virtual dataset, which must follow each other without a gap."""
    sources, parts, first = whole.virtual_sources(), [], 0
    if seals is None:
        seals = [None] * len(sources)
    for source, seal in zip(sources, seals, strict=True):
        (begin, *rest), (end, *_) = source.vspace.get_select_bounds()
        count = end + 1 - begin
        images = source.vspace.get_select_npoints() == count * int(np.prod(whole.shape[1:], dtype=np.int64))
        if begin != first or any(rest) or not images or source.dset_name != "images":
            break
        parts.append(Part(path.parent / source.file_name, first, count, seal))
        first += count
    if first != len(whole):
        raise InputError(f"{path}: its images are not those of its shards, one after the other; {rebuild(path)}")
    return parts
