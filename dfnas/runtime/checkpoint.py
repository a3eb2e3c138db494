"""Progress of a long stage that survives its death.

A checkpoint lies outside the outputs, which Snakemake deletes when a job fails, in a place named by a digest
of everything that determines the result. A changed setting, input or line of code therefore never resumes
a stale state, and what is left behind belongs to nobody and can be deleted.
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import load_archive, save_archive

VARIABLE = "DFNAS_CHECKPOINT_S"
"""Of the environment, for other seconds."""
INTERVAL_S = 30.0
"""Between two saves; what a job does after the last is lost where it is killed without a word."""


def interval_s() -> float:
    """The seconds between two saves. Raises InputError where the environment says something else than a number."""
    said = os.environ.get(VARIABLE)
    try:
        return float(said) if said else INTERVAL_S
    except ValueError:
        raise InputError(f"the environment variable {VARIABLE} is '{said}'; expected a number of seconds") from None


class Checkpoint:
    """The saved state of one unit of work.

    Args:
        folder: where checkpoints of this run are kept.
        identity: everything that determines the result, as plain values.
    """

    def __init__(self, folder: str | Path, identity: Mapping[str, Any]):
        key = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:24]
        self.path = Path(folder) / f"{key}.pt"
        self._parts = 0
        self._saved, self._interval = time.monotonic(), interval_s()

    def load(self) -> Any | None:
        """The state saved last, or None. A damaged one, or one with a damaged part, counts as none: the work starts
        over."""
        if not self.path.is_file():
            return None
        try:
            saved = load_archive(self.path)
            for place in range(saved["parts"]):
                self.part(place)
        except InputError:
            return None
        self._parts = saved["parts"]
        return saved["state"]

    def add_part(self, value: torch.Tensor) -> None:
        """Keeps a piece of the work that is done and changes no more, in a file of its own: the states saved later
        count on it and need not hold it."""
        save_archive(self._part_path(self._parts), value)
        self._parts += 1

    def part(self, place: int) -> torch.Tensor:
        """The piece that was added at a place, from 0. Raises InputError if it is missing or damaged."""
        part: torch.Tensor = load_archive(self._part_path(place))
        return part

    def _part_path(self, place: int) -> Path:
        return self.path.with_suffix(f".{place}.pt")

    def due(self) -> bool:
        """Whether enough time has passed since the last save for another to be worth its cost."""
        return time.monotonic() - self._saved >= self._interval

    def save(self, state: Any) -> None:
        """Replaces the saved state. Tensors and plain values only."""
        save_archive(self.path, {"state": state, "parts": self._parts})
        self._saved = time.monotonic()

    def clear(self) -> None:
        """Removes the saved state and the parts, once the work's outputs are in place."""
        for path in [self.path, *self.path.parent.glob(f"{self.path.stem}.*.pt")]:
            path.unlink(missing_ok=True)
