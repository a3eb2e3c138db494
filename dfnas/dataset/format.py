"""The HDF5 artifacts: what is inside, how it is written, and how every reader checks it.

A *shard* holds `images` uint8 (N, C, H, W) and `targets`; a *data set* holds `images` as a virtual dataset over
its shards (no copy) and, for every image, `soft_labels` (N, K) float32, `targets` (N,) int64, `generation` (N,)
int32 and `split` (N,) uint8. Everything carries fletcher32 checksums; with `libver="latest"` HDF5 checks its own
structures as well, all but the heap that the attributes' text lies in, which therefore has a digest beside it: a
flipped bit is an error and never a wrong number.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import atomic, existing

FORMAT_VERSION = 1
SPLITS = ("train", "validation", "test")
CHUNK_BYTES = 1 << 18


@contextmanager
def created(path: str | Path, kind: str, attributes: Mapping[str, Any]) -> Iterator[h5py.File]:
    """A new HDF5 file of a kind (`shard`, `dataset`, `labels`), in place at `path` when all went well.

    Args:
        attributes: plain values; written as one JSON text, which readers get back as it was.
    """
    with atomic(path) as temporary:
        try:
            with h5py.File(temporary, "w", libver="latest") as file:
                file.attrs["dfnas_format"] = FORMAT_VERSION
                file.attrs["kind"] = kind
                file.attrs["attributes"] = text = json.dumps(dict(attributes), sort_keys=True)
                file.attrs["attributes_digest"] = _digest(text)
                yield file
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
    try:
        with h5py.File(path, "r", libver="latest") as file:
            version, found = file.attrs.get("dfnas_format"), file.attrs.get("kind")
            if version != FORMAT_VERSION or found != kind:
                raise InputError(f"{path} is not a dfnas {kind} of format {FORMAT_VERSION} (kind {found}, {version})")
            text = file.attrs["attributes"]
            if _digest(text) != file.attrs["attributes_digest"]:
                raise ValueError("its attributes do not match their digest")
            yield file, json.loads(text)
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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
