"""Where the images of a data set are to lie: on the device if they leave it room, else on the host if they leave that
room, else in the file. A result does not depend on it, so it is no setting of a section, and no reason to run again.
"""

import math
import os
import sys

import numpy as np
import torch

from dfnas.dataset.in_shards import InShards
from dfnas.dataset.stored import StoredImages
from dfnas.dataset.virtual import ShardedImages
from dfnas.runtime.control_groups import memory_mb
from dfnas.runtime.errors import InputError
from dfnas.runtime.limits import needing

VARIABLE = "DFNAS_IMAGES_SHARE"
"""Of the environment, for another share."""
SHARE = 0.5
"""Of the memory that is free, on the device and on the host, that the images of a split may take."""
PIECE_BYTES = 1 << 23
"""Of a shard's images, in memory at once beside those that are kept."""


def share() -> float:
    """The share of free memory for images. Raises InputError where the environment says no number from 0 to 1."""
    said = os.environ.get(VARIABLE)
    try:
        value = float(said) if said else SHARE
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise InputError(f"the environment variable {VARIABLE} is '{said}'; expected a number from 0 to 1")
    return value


def loaded(images: ShardedImages, chosen: np.ndarray, device: torch.device, split: str) -> StoredImages:
    """Some images of a data set, int64 (N,), where there is room for them. The log says where, but for those of a CPU
    that are in memory.

    Raises:
        InputError: a shard is missing, damaged, or another; there is not enough memory.
    """
    size = len(chosen) * math.prod(images.shape[1:])
    place, free = place_of(size, device)
    if device.type != "cpu" or place is None:
        where = "stay in the file and are read batch by batch" if place is None else f"lie on {place}"
        if place is not None and place.type != device.type:
            where = "stay on the host and are sent batch by batch"
        room = ", ".join(f"{each / 10**6:,.0f} MB free on {name}" for name, each in free.items())
        print(
            f"{images.path}: the {split} images, {size / 10**6:,.0f} MB, {where} ({room}; {VARIABLE} = {share():g})",
            file=sys.stderr,
            flush=True,
        )
    if place is None:
        return StoredImages(InShards(images, chosen), device)
    with needing(f"the {split} images of {images.path}", size, f"say {VARIABLE}=0, which leaves them in the file"):
        return StoredImages(_read(images, chosen, place), device)


def place_of(size: int, device: torch.device) -> tuple[torch.device | None, dict[str, float]]:
    """Where images of a size in bytes are to lie, None for the file; and what is free, by place."""
    free: dict[str, float] = {}
    if device.type == "cuda":
        free[str(device)] = torch.cuda.mem_get_info(device)[0]
        if size <= share() * free[str(device)]:
            return device, free
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes of torchrun, each of which has its own images
    free["the host"] = 1e6 * memory_mb()[1] / beside
    return (torch.device("cpu") if size <= share() * free["the host"] else None), free


def _read(images: ShardedImages, chosen: np.ndarray, place: torch.device, piece: int | None = None) -> torch.Tensor:
    """Some images as uint8 (N, C, P, Q) in a place, channels last, read once through in order: HDF5 is slow at picking
    single rows. No more than a piece of them is in memory beside.

    Args:
        piece: images of it; by default as many as fit into PIECE_BYTES.
    """
    count, (channels, height, width) = len(chosen), images.shape[1:]
    kept = torch.empty(count, height, width, channels, dtype=torch.uint8, device=place).permute(0, 3, 1, 2)
    piece = piece or max(1, PIECE_BYTES // max(1, channels * height * width))
    for first in range(0, len(images), piece):
        begin, end = np.searchsorted(chosen, (first, first + piece))
        if begin < end:
            rows = images[first : first + piece]
            if end - begin < len(rows):
                rows = rows[chosen[begin:end] - first]
            kept[begin:end] = torch.from_numpy(rows)
    return kept
