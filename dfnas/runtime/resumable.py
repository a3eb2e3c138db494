"""Work in steps that can be interrupted anywhere and continued to the same result."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn, Protocol

from dfnas.runtime import interruption
from dfnas.runtime.checkpoint import Checkpoint
from dfnas.runtime.energy import EnergyMeter, added
from dfnas.runtime.errors import InputError
from dfnas.runtime.progress import progress
from dfnas.runtime.users_code import definition

Row = dict[str, float | int | str]


class Resumable(Protocol):
    """Step i is a function of the state after step i - 1 and of i alone.

    A class may say more, for a trial of its steps (`dfnas.doctor.trial`): `kind(index)` names a step so that those with
    one name take alike; `skip_to(index)` brings the state to where that step can be done, though not all before it
    were; `alone` has the kinds that each of several processes does by itself.
    """

    steps: int
    """Steps in all. A step may lower it, as a search does that stops early; the lower number is then part of the
    state."""

    def step(self, index: int) -> Row | None:
        """Does one step. Returns a row of the history where a period (an epoch, a generation) ends."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that the steps change, as tensors and plain values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts a saved state back."""


class Cost(NamedTuple):
    """What a run took."""

    seconds: float
    joules: dict[str, float]
    """By part of the machine, `cpu` and `gpu`, of those that could be read from the beginning to the end."""


class Outcome(NamedTuple):
    """What a finished run leaves: its history, and what it took, interrupted parts included."""

    history: list[Row]
    cost: Cost


def run(
    work: Resumable, checkpoint: Checkpoint, description: str, meter: EnergyMeter | None = None, leads: bool = True
) -> Outcome:
    """Does all steps, from the checkpoint on if there is one.

    Args:
        meter: of the energy, from before the first step on.
        leads: whether this process, of several that do the same work together, reports and saves for all.

    Raises:
        Interrupted: the process was asked to end; the state after the last step is saved.
        InputError: work, of a user's search, that does not say how many steps it has.
    """
    if not isinstance(getattr(work, "steps", None), int):
        raise InputError(
            f"{type(work).__name__} has no number of steps; its constructor has to say self.steps = … "
            f"({definition(type(work))})"
        )
    if _trial is not None:
        _trial(work)
    saved = checkpoint.load()
    done, history, before = 0, [], None
    if saved is not None:
        done, history, before = saved["done"], saved["history"], Cost(saved["seconds"], saved["joules"])
        work.load_state_dict(saved["work"])
    begun = time.monotonic()

    def cost() -> Cost:
        stretch = Cost(time.monotonic() - begun, meter.joules() if meter else {})
        if before is None:
            return stretch
        return Cost(before.seconds + stretch.seconds, added(before.joules, stretch.joules))

    steps = _to_do(work, done)
    with interruption.deferred(leads):
        for index in progress(steps, description, work.steps, done) if leads else steps:
            row = work.step(index)
            if row is not None:
                history.append(row)
            if meter is not None:
                meter.sample()
            if leads and (checkpoint.due() or interruption.asked()):
                state = {"done": index + 1, "history": history, "work": work.state_dict()}
                checkpoint.save(state | cost()._asdict())
            if leads and interruption.asked():
                interruption.end()
    return Outcome(history, cost())


_trial: Callable[[Resumable], NoReturn] | None = None


@contextmanager
def tried_by(trial: Callable[[Resumable], NoReturn]) -> Iterator[None]:
    """Within it `run` hands the work to a trial of a few steps, which ends the stage by an exception."""
    global _trial
    _trial = trial
    try:
        yield
    finally:
        _trial = None


def _to_do(work: Resumable, done: int) -> Iterator[int]:
    """The steps from `done` on, as long as there are any."""
    while done < work.steps:
        yield done
        done += 1
