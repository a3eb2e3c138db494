"""Digests of what networks and data sets hold. Those of their files would tell more: where they were made, and when."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import torch

from dfnas.dataset.format import handle, opened
from dfnas.dataset.virtual import ShardedImages, sharded_images
from dfnas.runs.folder import RunFolder
from dfnas.runs.sheets import Key, Sheet
from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import load_archive

PIECE_BYTES = 1 << 26
"""Of an array, in memory at once."""
DIGITS = 16
"""Of a digest that are shown."""


def contents_of(run: RunFolder) -> Sheet:
    """Digests of the teacher's weights, of the networks' beside it, and of every array of every data set.

    Raises:
        InputError: one of the files is damaged.
    """
    networks = [*run.files("teacher/teacher.pt"), *run.files("networks/*.pt")]
    sheet: dict[Key, dict[str, str]] = {
        (path.stem,): {"weights": _digest_of_weights(_weights(path))} for path in networks
    }
    for path in run.files("dataset/*.h5"):
        with opened(path, "dataset") as (file, attributes), sharded_images(path, file, attributes) as images:
            records = {name: handle(file, name, a.dtype.str, a.ndim) for name, a in file.items() if name != "images"}
            arrays = {name: _digest_of_array(array) for name, array in sorted({"images": images, **records}.items())}
        sheet["dataset", path.stem] = arrays
    return sheet


def _weights(path: Path) -> Mapping[str, torch.Tensor]:
    archive = load_archive(path)
    state = archive.get("state") if isinstance(archive, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path} holds no weights of a network; {rebuild(path)}")
    return state


def _digest_of_weights(state: Mapping[str, torch.Tensor]) -> str:
    total = hashlib.sha256()
    for name, value in sorted(state.items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        total.update(value.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()[:DIGITS]


def _digest_of_array(array: h5py.Dataset | ShardedImages) -> str:
    """Of an array on the disk, read in pieces of whole rows."""
    total = hashlib.sha256(f"{array.dtype.str} {array.shape}\n".encode())
    row_bytes = max(1, int(np.prod(array.shape[1:], dtype=np.int64)) * array.dtype.itemsize)
    rows = max(1, PIECE_BYTES // row_bytes)
    for first in range(0, len(array), rows):
        total.update(np.ascontiguousarray(array[first : first + rows]).tobytes())
    return total.hexdigest()[:DIGITS]
