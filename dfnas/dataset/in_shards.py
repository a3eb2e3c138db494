"""Images of a data set that are read from its shards each time they are wanted.

Shapes: N images, B of a batch, C channels, P Q stored height and width.
"""

import threading
from contextlib import ExitStack

import numpy as np
import torch

from dfnas.dataset.virtual import ShardedImages


class InShards:
    """Images of a data set as a `dfnas.dataset.stored.Source`. The shards stay open, and were tested when they were
    opened first.

    Args:
        images: the data set's. They are read in pieces that need not follow each other.
        chosen: int64 (N,), which of them.
    """

    def __init__(self, images: ShardedImages, chosen: np.ndarray):
        self._held = ExitStack()
        self._images, self._chosen = images.kept_open(self._held), chosen
        self.shape: tuple[int, ...] = (len(chosen), *images.shape[1:])
        self.changes = 0
        self._new: dict[int, torch.Tensor] = {}
        self._one_at_a_time = threading.Lock()

    def rows(self, places: torch.Tensor, out: torch.Tensor) -> None:
        """See `Source`. Raises InputError for a shard that is missing, damaged, or another."""
        wanted, read = self._chosen[places.numpy()], np.empty(out.shape, np.uint8)
        order = np.argsort(wanted, kind="stable")
        for run in np.split(order, np.flatnonzero(np.diff(wanted[order]) != 1) + 1):  # of images that follow each other
            if len(run):
                first = int(wanted[run[0]])
                with self._one_at_a_time:
                    read[run] = self._images[first : first + len(run)]
        out.copy_(torch.from_numpy(read))  # channels last, for all of them together
        if self._new:
            for row, place in enumerate(places.tolist()):
                if place in self._new:
                    out[row] = self._new[place]

    def put(self, places: torch.Tensor, images: torch.Tensor) -> None:
        """See `Source`. The new ones are kept in memory; files stay as they are."""
        self._new.update(zip(places.tolist(), images.clone(), strict=True))
        self.changes += 1
