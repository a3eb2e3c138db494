"""Work in steps that can be interrupted anywhere and continued to the same result."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from dfnas.runtime.checkpoint import Checkpoint
from dfnas.runtime.progress import progress

Row = dict[str, float | int | str]


class Resumable(Protocol):
    """Step i is a function of the state after step i - 1 and of i alone."""

    steps: int
    """Steps in all. A step may lower it, as a search does that stops early; the lower number is then part of the
    state."""

    def step(self, index: int) -> Row | None:
        """Does one step. Returns a row of the history where a period (an epoch, a generation) ends."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that the steps change, as tensors and plain values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts a saved state back."""


class Outcome(NamedTuple):
    """What a finished run leaves: its history, and the seconds spent in it, interrupted parts included."""

    history: list[Row]
    seconds: float


def run(work: Resumable, checkpoint: Checkpoint, description: str, leads: bool = True) -> Outcome:
    """Does all steps, from the checkpoint on if there is one.

    Args:
        leads: whether this process, of several that do the same work together, reports and saves for all.
    """
    saved = checkpoint.load()
    done, history, before = 0, [], 0.0
    if saved is not None:
        done, history, before = saved["done"], saved["history"], saved["seconds"]
        work.load_state_dict(saved["work"])
    begun = time.monotonic()
    steps = _to_do(work, done)
    for index in progress(steps, description, work.steps, done) if leads else steps:
        row = work.step(index)
        if row is not None:
            history.append(row)
        if leads and checkpoint.due():
            seconds = before + time.monotonic() - begun
            checkpoint.save({"done": index + 1, "history": history, "seconds": seconds, "work": work.state_dict()})
    return Outcome(history, before + time.monotonic() - begun)


def _to_do(work: Resumable, done: int) -> Iterator[int]:
    """The steps from `done` on, as long as there are any."""
    while done < work.steps:
        yield done
        done += 1
