"""The HDF5 artifacts: what is inside, how it is written, and how every reader checks it.

A *shard* holds `images` uint8 (N, C, H, W) and `targets`; a *data set* holds `images` as a virtual dataset over
its shards (no copy) and, for every image, `soft_labels` (N, K) float32, `targets` (N,) int64, `generation` (N,)
int32 and `split` (N,) uint8. Arrays carry fletcher32 checksums. The first 512 bytes, HDF5's user block, hold a
digest of all others, which is tested before HDF5 sees the file: not all of its own structures are checksummed, and
a flipped bit in one that is not can crash it or keep it busy forever.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import atomic, existing

FORMAT_VERSION = 1
SPLITS = ("train", "validation", "test")
CHUNK_BYTES = 1 << 18
SEAL_BYTES = 512  # the smallest user block


@contextmanager
def created(path: str | Path, kind: str, attributes: Mapping[str, Any]) -> Iterator[h5py.File]:
    """A new HDF5 file of a kind (`shard`, `dataset`, `labels`), in place at `path` when all went well.

    Args:
        attributes: plain values; written as one JSON text, which readers get back as it was.
    """
    with atomic(path) as temporary:
        try:
            with h5py.File(temporary, "w", libver="latest", userblock_size=SEAL_BYTES) as file:
                file.attrs["dfnas_format"] = FORMAT_VERSION
                file.attrs["kind"] = kind
                file.attrs["attributes"] = json.dumps(dict(attributes), sort_keys=True)
                yield file
            _seal(temporary)
        except (OSError, RuntimeError) as error:
            raise OSError(f"{path} could not be written: {_reason(error)}") from error


def add(file: h5py.File, name: str, values: np.ndarray) -> None:
    """Adds an array in checksummed chunks of whole rows."""
    row_bytes = max(1, values[:1].nbytes)
    rows = max(1, min(len(values), CHUNK_BYTES // row_bytes))
    file.create_dataset(name, data=values, chunks=(rows, *values.shape[1:]), fletcher32=True)


@contextmanager
def opened(path: str | Path, kind: str) -> Iterator[tuple[h5py.File, dict[str, Any]]]:
    """An HDF5 file of ours for reading, with its attributes.

    Raises:
        InputError: no such file, damaged, or not of this kind and version.
    """
    path = existing(path)
    if not _sealed(path):
        raise InputError(f"{path} is damaged or not an HDF5 file of dfnas; delete the file to rebuild it")
    try:
        with h5py.File(path, "r", libver="latest") as file:
            version, found = file.attrs.get("dfnas_format"), file.attrs.get("kind")
            if version != FORMAT_VERSION or found != kind:
                raise InputError(f"{path} is not a dfnas {kind} of format {FORMAT_VERSION} (kind {found}, {version})")
            yield file, json.loads(file.attrs["attributes"])
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise damaged(path, error) from error


def read(file: h5py.File, name: str, dtype: str, ndim: int) -> np.ndarray:
    """A whole array, every checksum tested. Raises InputError if it is absent or of another type or rank."""
    array = handle(file, name, dtype, ndim)
    try:
        return array[()]
    except (OSError, RuntimeError) as error:
        raise damaged(file.filename, error, name) from error


def handle(file: h5py.File, name: str, dtype: str, ndim: int) -> h5py.Dataset:
    """An array that is read later, in pieces. Raises InputError as `read` does."""
    array = file.get(name)
    if not isinstance(array, h5py.Dataset):
        raise InputError(f"{file.filename} has no array '{name}'")
    if array.dtype != np.dtype(dtype) or array.ndim != ndim:
        raise InputError(
            f"{file.filename}: '{name}' is {array.dtype} of {array.ndim} dimensions, expected {dtype} of {ndim}"
        )
    return array


def virtual_images(folder: Path, shards: list[Path], shape: tuple[int, ...], counts: list[int]) -> h5py.VirtualLayout:
    """A virtual (N, C, H, W) uint8 dataset over the images of the shards, by paths relative to `folder`."""
    layout = h5py.VirtualLayout(shape=(sum(counts), *shape), dtype="uint8")
    first = 0
    for shard, count in zip(shards, counts, strict=True):
        source = h5py.VirtualSource(os.path.relpath(shard, folder), "images", shape=(count, *shape))
        layout[first : first + count] = source
        first += count
    return layout


def check_sources(path: Path, images: h5py.Dataset) -> None:
    """Raises InputError if a file behind a virtual dataset is missing or unfit: HDF5 itself would read zeros."""
    if images.is_virtual:
        for source in images.virtual_sources():
            shard = path.parent / source.file_name
            if not shard.is_file():
                raise InputError(f"{path} points to {shard}, which is missing; run the workflow again to rebuild it")
            with opened(shard, "shard") as (file, _):
                handle(file, source.dset_name.strip("/"), "uint8", 4)


def damaged(path: str | Path, error: Exception, name: str = "") -> InputError:
    """The complaint about a file that HDF5 cannot read."""
    what = f"{path}: '{name}'" if name else f"{path}"
    return InputError(f"{what} is damaged or not HDF5 ({_reason(error)}); delete the file to rebuild it")


def _seal(path: Path) -> None:
    """Writes the digest of a finished file into its user block."""
    with open(path, "r+b") as file:
        line = _digest_line(file)
        file.seek(0)
        file.write(line)


def _sealed(path: Path) -> bool:
    """Whether the digest in the user block is that of the file."""
    with open(path, "rb") as file:
        line = _digest_line(file)
        file.seek(0)
        return file.read(len(line)) == line


def _digest_line(file: BinaryIO) -> bytes:
    file.seek(SEAL_BYTES)
    return (
        f"dfnas HDF5; SHA-256 of what follows byte {SEAL_BYTES}: {file_digest(file, 'sha256').hexdigest()}\n".encode()
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
