"""A trial of long work: a few of its steps, timed, in place of all of them.

`dfnas.runtime.resumable.run` hands its work over (`tried_by`), and the stage ends there. Which steps take alike, the
work itself says in `kind`; without a word they all count as alike.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch

from dfnas.runtime.device import synchronize

SPAN_S, MOST, FEWEST = 1.5, 40, 3
"""Steps of a kind are tried for so long, or so many of them, and so many at least unless they are slow. The first of
them counts only where there is no other: it sets up what the others find."""
SLOW_S = 6.0
"""Of a kind whose step takes longer one is enough."""
STEP_S, SETUP_S = 30.0, 150.0
"""CPU time of a thread that a step may take, and that a stage may take until its first step, before it is given up."""


class Ended(BaseException):
    """The trial is over, and with it the stage. Nothing has failed."""


class TooSlow(BaseException):
    """What was tried takes too long."""


@dataclass
class Kind:
    """Steps that take alike."""

    alone: bool
    """Whether each of several processes does them by itself."""
    steps: int = 0
    """In all."""
    first: list[int] = field(default_factory=list)
    """The numbers of the first of them, which may be tried."""
    times: list[float] = field(default_factory=list)
    """Seconds of those that were tried."""

    @property
    def known(self) -> bool:
        """Whether enough of them were tried."""
        counted = self.times[1:]
        if not counted:
            return sum(self.times) > SLOW_S
        return counted[-1] > SPAN_S or (len(self.times) >= FEWEST and sum(counted) >= SPAN_S)

    @property
    def seconds(self) -> float:
        """Of a step, on average."""
        counted = self.times[1:] or self.times
        return sum(counted) / len(counted)


@dataclass(frozen=True)
class JobCost:
    """What a job takes."""

    key: str
    """What tells it from other jobs of its rule."""
    setup_s: float
    """Until its first step; of a stage without steps all of it."""
    seconds: float = 0.0
    """Of its steps."""
    undivided: float = 0.0
    """Of steps that each of several processes does by itself."""
    bytes: float = 0.0
    """Of its state, which a checkpoint holds."""


class Trial:
    """A trial of one job, from now on.

    Attributes:
        kinds: the steps by their kind.
        setup_s: seconds until the first step; until the end where there are no steps.
        state_bytes: of the work's state.
        slow: something was given up; what was found before stands.
    """

    def __init__(self) -> None:
        self.begun, self.setup_s = now(), -1.0
        self.kinds: dict[str, Kind] = {}
        self.state_bytes = 0
        self.slow = False

    def end(self) -> None:
        """Notes the time until now as what the stage takes until its first step."""
        self.setup_s = now().since(self.begun)

    def complete(self, smaller: "Trial", ratio: int) -> None:
        """Takes what is not known from a trial of which everything was so many times less."""
        if self.setup_s < 0:
            self.setup_s, self.kinds = ratio * smaller.setup_s, smaller.kinds
        for name, kind in self.kinds.items():
            if kind is smaller.kinds[name] or not kind.times:
                kind.times = [ratio * seconds for seconds in smaller.kinds[name].times]
        self.state_bytes = self.state_bytes or smaller.state_bytes

    def cost(self, key: str, started_s: float, fixed_s: float, share: float) -> JobCost:
        """What the job takes.

        Args:
            started_s: until an interpreter runs with everything loaded.
            fixed_s: of a stage without steps, what does not depend on the number of its files.
            share: how many times more files there are.
        """
        setup_s = started_s + self.setup_s
        shared, undivided = (
            sum(kind.steps * kind.seconds for kind in self.kinds.values() if kind.alone is alone)
            for alone in (False, True)
        )
        if share > 1:
            setup_s = fixed_s + share * max(0.0, setup_s - fixed_s)
        return JobCost(key, setup_s, shared, undivided, self.state_bytes)

    def begin(self, work: Any) -> NoReturn:
        """Tries no step. Raises Ended."""
        self.end()
        raise Ended

    def of(self, work: Any) -> NoReturn:
        """Tries the steps of a `Resumable`.

        Raises:
            Ended: it is done.
            TooSlow: a step was given up; what was found before stands.
        """
        tensors = list(_tensors(work.state_dict()))
        device = next((tensor.device for tensor in tensors if tensor.device.type != "cpu"), torch.device("cpu"))
        synchronize(device)
        self.end()
        names = self._numbered(work)
        skip_to: Callable[[int], None] | None = getattr(work, "skip_to", None)
        for index in sorted(names):
            kind = self.kinds[names[index]]
            if kind.known:
                continue
            if skip_to is not None:
                skip_to(index)
            with limited(STEP_S):
                kind.times.append(_seconds(work, index, device))
        self.state_bytes = sum(tensor.nbytes for tensor in _tensors(work.state_dict()))
        raise Ended

    def _numbered(self, work: Any) -> dict[int, str]:
        """The steps that may be tried, with their kinds, all of which are counted."""
        kind_of: Callable[[int], str] = getattr(work, "kind", lambda index: "step")
        alone = getattr(work, "alone", ())
        for index in range(work.steps):
            name = kind_of(index)
            kind = self.kinds.setdefault(name, Kind(name in alone))
            kind.steps += 1
            if len(kind.first) < MOST:
                kind.first.append(index)
        return {index: name for name, kind in self.kinds.items() for index in kind.first}


@dataclass(frozen=True)
class Now:
    """A moment of this process."""

    cpu: float
    """Seconds that processors have worked for it, those of programs that it has started and waited for included."""
    clock: float
    """Seconds of the day."""

    def since(self, before: "Now") -> float:
        """Seconds between two moments: on one CPU thread the process' own time, which other programs do not move."""
        return self.cpu - before.cpu if on_one_thread() else self.clock - before.clock


def now() -> Now:
    """This moment."""
    return Now(sum(os.times()[:4]), time.time())


def on_one_thread() -> bool:
    """Whether all work of this process is one CPU thread's."""
    return not torch.cuda.is_initialized() and torch.get_num_threads() == 1


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises TooSlow in the main thread once the process has worked for so long on each of its threads."""

    def stop(_number: int, _frame: object) -> NoReturn:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds * torch.get_num_threads())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _seconds(work: Any, index: int, device: torch.device) -> float:
    """Of a step."""
    clock = time.process_time if on_one_thread() else time.perf_counter
    begun = clock()
    work.step(index)
    synchronize(device)
    return clock() - begun


def _tensors(state: Any) -> Iterator[torch.Tensor]:
    """Those in a state of dictionaries and sequences."""
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, dict | list | tuple):
        for value in state.values() if isinstance(state, dict) else state:
            yield from _tensors(value)
