"""What can be said of the last call in a folder of results, from its files alone: whether it is at work, how far it is,
how long it will take. No process is looked at, so that any machine that sees the files can say it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dfnas.live.agreement import Agreement, agreements
from dfnas.live.call import Call, JobSeen, Reader
from dfnas.live.forecast import Forecast, forecast, seconds_by_rule
from dfnas.live.journal import CALLS, is_alive, journals
from dfnas.live.steps import CLOCKS_APART_S, Steps, last_lines, steps_of, written_at
from dfnas.runtime.errors import InputError

EARLIER = 10
"""Calls before the last that are asked what jobs take."""
LABELLING = "calibrate_labels"
"""The rule that says how well images do. A call that plans it may make all of them anew."""
SAID = 3
"""Last lines of the log of a job that failed."""


class State(Enum):
    """Of a call."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    KILLED = "killed"
    UNKNOWN = "running, or killed: its folder has no locks that would tell"

    @property
    def is_over(self) -> bool:
        return self not in (State.RUNNING, State.UNKNOWN)


@dataclass(frozen=True)
class Work:
    """A job that was begun and has not ended."""

    rule: str
    title: str
    age_s: float
    steps: Steps | None
    started: bool
    """Whether its stage has said anything: on a cluster it waits in the queue before."""


@dataclass(frozen=True)
class Failure:
    """A job that failed."""

    rule: str
    title: str
    log: str
    said: tuple[str, ...]
    """The last lines of its log."""


@dataclass(frozen=True)
class Snapshot:
    """Of a call, at a moment."""

    results: Path
    state: State
    call: Call
    elapsed_s: float
    work: tuple[Work, ...]
    failures: tuple[Failure, ...]
    forecast: Forecast | None
    """None where the call is over."""
    agreements: tuple[Agreement, ...]


class Watch:
    """Looks at a call in a folder of results, again and again.

    Args:
        results: the folder.
        path: of a journal; by default that of the last call that is alive, or else of the last.

    Raises:
        InputError: there is no such folder, or no journal in it.
    """

    def __init__(self, results: Path, path: Path | None = None):
        self.results = results
        if not results.is_dir():
            raise InputError(
                f"no folder {results}; give a folder of results, which results_dir of the configuration names"
            )
        there = journals(results)
        if path is None and not there:
            inside = results / "results"
            advice = f"did you mean {inside}?" if inside.is_dir() else "nothing has run there yet"
            raise InputError(f"{results} has no journal of a call ({CALLS}); {advice}")
        self._reader = Reader(path or next(filter(is_alive, reversed(there[-EARLIER:])), there[-1]))
        self._known = seconds_by_rule(_read(each) for each in there[-1 - EARLIER :] if each != self._reader.path)

    def look(self, now: float) -> Snapshot:
        """The call as it is now. Raises InputError where the journal cannot be read any more.

        Args:
            now: seconds since 1970.
        """
        try:
            alive = is_alive(self._reader.path)  # before the reading: what ends meanwhile has said so
            call = self._reader.read()
        except OSError as error:
            raise InputError(f"{self._reader.path}: {error.strerror or error}") from error
        state = _state(call, alive)
        end = now if not state.is_over else call.ended or call.heard
        work = () if state.is_over else tuple(self._work(job, now) for job in call.running)
        known: Mapping[str, float] = self._known | seconds_by_rule([call])
        left = [(job.rule, job.age_s, job.steps.left_now_s if job.steps else None) for job in work]
        return Snapshot(
            self.results,
            state,
            call,
            max(0.0, end - call.begun),
            work,
            tuple(map(self._failure, call.failed)),
            None if state.is_over else forecast(call, known, left),
            tuple(agreements(self.results, call.begun - CLOCKS_APART_S if LABELLING in call.planned else 0.0)),
        )

    def _work(self, job: JobSeen, now: float) -> Work:
        log = self._log(job)
        steps = steps_of(log, job.begun, now)
        written = written_at(log)
        started = written is not None and (steps is not None or written >= job.begun)
        return Work(job.rule, job.title, max(0.0, now - job.begun), steps, started)

    def _failure(self, job: JobSeen) -> Failure:
        return Failure(job.rule, job.title, job.log, tuple(last_lines(self._log(job), SAID)))

    def _log(self, job: JobSeen) -> Path:
        """The log of a job's stage, where it lies from here: its call may have worked in another folder."""
        _, logs, below = job.log.partition(f"/logs/{job.rule}")
        return self.results / "logs" / f"{job.rule}{below}" if logs else Path(job.log)


def _state(call: Call, alive: bool | None) -> State:
    if call.ended is not None:
        if call.succeeded:
            return State.FINISHED
        return State.INTERRUPTED if call.asked_to_end is not None else State.FAILED
    if alive is None:
        return State.UNKNOWN
    return State.RUNNING if alive else State.KILLED


def _read(path: Path) -> Call:
    """A call of another journal; an empty one where it cannot be read."""
    try:
        return Reader(path).read()
    except OSError:
        return Call()
