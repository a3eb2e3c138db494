"""The HDF5 artifacts: what is inside, how it is written, and how every reader checks it.

A *shard* holds `images` uint8 (N, C, H, W), `targets` int64 (N,) and, where it is synthetic, `aims` float32 (N, K),
the distributions that its images were optimised towards; a *data set* holds `images` as a virtual dataset over
its shards (no copy, see `virtual`) and, for every image, `soft_labels` (N, K) float32, `targets` (N,) int64,
`generation` (N,) int32 and `split` (N,) uint8. Arrays carry fletcher32 checksums. The first 512 bytes, HDF5's user
block, hold a digest of all others, which is tested before HDF5 sees the file: not all of its own structures are
checksummed, and a flipped bit in one that is not can crash it or keep it busy forever.
"""

import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import existing, write_bytes

FORMAT_VERSION = 1
KINDS = ("shard", "labels", "dataset")
SPLITS = ("train", "validation", "test")
CHUNK_BYTES = 1 << 18
SEAL_BYTES = 512  # the smallest user block


@contextmanager
def created(path: str | Path, kind: str, attributes: Mapping[str, Any]) -> Iterator[h5py.File]:
    """A new HDF5 file of a kind (`shard`, `dataset`, `labels`), in place at `path` when all went well.

    Args:
        attributes: plain values; written as one JSON text, which readers get back as it was.
    """
    memory = io.BytesIO()  # a process in which HDF5 itself meets a full disk does not end well
    with h5py.File(memory, "w", libver="latest", userblock_size=SEAL_BYTES) as file:
        file.attrs["dfnas_format"] = FORMAT_VERSION
        file.attrs["kind"] = kind
        file.attrs["attributes"] = json.dumps(dict(attributes), sort_keys=True)
        yield file
    content = memory.getbuffer()
    seal = _seal(sha256(content[SEAL_BYTES:]).hexdigest())
    content[: len(seal)] = seal
    write_bytes(path, content)


def add(file: h5py.File, name: str, values: np.ndarray) -> None:
    """Adds an array in checksummed chunks of whole rows."""
    add_pieces(file, name, len(values), [values])


def add_pieces(file: h5py.File, name: str, count: int, pieces: Iterable[np.ndarray]) -> None:
    """Adds an array of `count` rows that comes in pieces, so that memory need not hold them all at once."""
    first = 0
    for piece in pieces:
        if first == 0:
            rows = max(1, min(count, CHUNK_BYTES // max(1, piece[:1].nbytes)))
            shape, chunks = (count, *piece.shape[1:]), (rows, *piece.shape[1:])
            array = file.create_dataset(name, shape, piece.dtype, chunks=chunks, fletcher32=True)
        array[first : first + len(piece)] = piece
        first += len(piece)
    assert first == count, (name, first, count)


@contextmanager
def opened(path: str | Path, kind: str, cache_bytes: int | None = None) -> Iterator[tuple[h5py.File, dict[str, Any]]]:
    """An HDF5 file of ours for reading, with its attributes.

    Args:
        cache_bytes: of the chunks that HDF5 keeps in memory of each array; by default its own megabytes.

    Raises:
        InputError: no such file, damaged, not of this kind and version, or replaced while it was opened.
        OSError: what the system refuses, with the file's name.
    """
    path = existing(path)
    checked = _identity_if_sealed(path)
    if checked is None:
        raise InputError(f"{path} is damaged or not an HDF5 file of dfnas; {rebuild(path)}")
    try:
        with _h5py_file(path, cache_bytes) as file:
            if _identity(os.fstat(file.id.get_vfd_handle())) != checked:  # no test holds for the new one
                raise InputError(f"{path} was replaced while it was opened; run the same command again")
            version, found = file.attrs.get("dfnas_format"), file.attrs.get("kind")
            if version != FORMAT_VERSION or found != kind:
                raise InputError(f"{path} is not a dfnas {kind} of format {FORMAT_VERSION} (kind {found}, {version})")
            yield file, json.loads(file.attrs["attributes"])
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's word, of whatever file
            raise
        raise damaged(path, error) from error


def _h5py_file(path: Path, cache_bytes: int | None) -> h5py.File:
    """Opens for reading. Raises OSError as Python's own `open` does where the system refuses."""
    try:
        return h5py.File(path, "r", libver="latest", locking=False, rdcc_nbytes=cache_bytes)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


def read(file: h5py.File, name: str, dtype: str, ndim: int) -> np.ndarray:
    """A whole array, every checksum tested. Raises InputError if it is absent or of another type or rank."""
    array = handle(file, name, dtype, ndim)
    try:
        return array[()]
    except (OSError, RuntimeError) as error:
        raise damaged(file.filename, error, name) from error


def handle(file: h5py.File, name: str, dtype: str, ndim: int, virtual: bool = False) -> h5py.Dataset:
    """An array that is read later, in pieces. Raises InputError as `read` does.

    What it claims to hold must be there: neither in another file, nor conjured up by a filter or a fill value.

    Args:
        virtual: whether it must be spread over other files. Such an array is not to be read through HDF5, which fills
            in zeros for all that it cannot open: see `virtual.ShardedImages`.
    """
    if not isinstance(file.get(name, getlink=True), h5py.HardLink) or not isinstance(file.get(name), h5py.Dataset):
        raise InputError(f"{file.filename} has no array '{name}'")
    array = file[name]
    if array.is_virtual != virtual:
        where = "in the file itself" if array.is_virtual else "in other files"
        raise InputError(f"{file.filename}: '{name}' is not {where}, as it must be; {rebuild(file.filename)}")
    if array.external or not (virtual or array.id.get_storage_size() >= array.nbytes):
        raise InputError(f"{file.filename}: '{name}' claims {array.nbytes} bytes that are not in the file")
    if array.dtype != np.dtype(dtype) or array.ndim != ndim:
        raise InputError(
            f"{file.filename}: '{name}' is {array.dtype} of {array.ndim} dimensions, expected {dtype} of {ndim}"
        )
    return array


def damaged(path: str | Path, error: Exception, name: str = "") -> InputError:
    """The complaint about a file that HDF5 cannot read."""
    what = f"{path}: '{name}'" if name else f"{path}"
    return InputError(f"{what} is damaged or not HDF5 ({' '.join(str(error).split())[:200]}); {rebuild(path)}")


def seal_of(file: h5py.File) -> str:
    """The digest in the user block of an open file, which `opened` has tested: 64 hexadecimal digits."""
    block = os.pread(file.id.get_vfd_handle(), SEAL_BYTES, 0)
    return block.partition(b"\n")[0].decode()[-64:]


def _identity_if_sealed(path: Path) -> tuple[int, ...] | None:
    """Which file it is, see `_identity`, if the digest in the user block is that of the rest."""
    with open(path, "rb") as file:
        file.seek(SEAL_BYTES)
        seal = _seal(file_digest(file, "sha256").hexdigest())
        file.seek(0)
        return _identity(os.fstat(file.fileno())) if file.read(len(seal)) == seal else None


def _identity(found: os.stat_result) -> tuple[int, ...]:
    """What tells a file from one that is put in its place."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _seal(digest: str) -> bytes:
    return f"dfnas HDF5; SHA-256 of what follows byte {SEAL_BYTES}: {digest}\n".encode()
