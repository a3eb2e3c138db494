"""A process that is asked to end: at once outside of loops, in a loop after its step, so that it can save its state.

A scheduler sends SIGTERM before it takes the machine away, a person SIGINT; who has waited enough sends SIGKILL.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGINT)
PATIENCE_S = 5.0
"""How long a step may take that is under way, and the saving after it: in ten seconds the process is to be gone."""


class Interrupted(KeyboardInterrupt):
    """The process was asked to end by a signal."""

    def __init__(self, number: int):
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.status = 128 + number
        """The exit status, as shells count it."""


class _Request:
    """What was asked of this process."""

    number: int | None = None
    """The signal."""
    deferred = False
    """Whether a loop is to look at it after its step."""
    waits = True
    """Whether the loop may save its state, and not only wait for the one that does."""


_request = _Request()


@contextmanager
def heeded() -> Iterator[None]:
    """Within it the signals raise `Interrupted`: at once, or where a loop asks. Only the main thread has signals: in
    another one they stay its affair."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _ask) for number in SIGNALS}
    alarm = signal.signal(signal.SIGALRM, _give_up)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in (before | {signal.SIGALRM: alarm}).items():
            signal.signal(number, handler)
        _request.number = None


@contextmanager
def deferred(leads: bool = True) -> Iterator[None]:
    """Within it a first signal only asks; `asked` says so. After `PATIENCE_S` it raises all the same.

    Args:
        leads: whether this process, of several, saves for all. The others then wait in vain for its part of the
            next batch, maybe deep in a library: the system ends them.
    """
    _request.deferred, _request.waits = True, leads
    try:
        yield
    finally:
        _request.deferred = False


def asked() -> bool:
    """Whether the process was asked to end."""
    return _request.number is not None


def end() -> NoReturn:
    """Raises `Interrupted` with the signal that asked."""
    assert _request.number is not None
    raise Interrupted(_request.number)


def _ask(number: int, _frame: object) -> None:
    again = asked()
    _request.number = number
    if again or not _request.deferred:
        end()
    if not _request.waits:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)


def _give_up(_number: int, _frame: object) -> None:
    end()
