"""A call of Snakemake as its journal tells it: the jobs that it planned, has begun, has done."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from dfnas.live.events import Event
from dfnas.targets import TARGETS

AT_ONCE_S = 2.0
"""By which a job that Ctrl-C ends may be heard of before the request that it came with."""


@dataclass
class JobSeen:
    """A job that was begun, as far as its call has told."""

    rule: str
    wildcards: dict[str, str]
    log: str
    begun: float
    """Seconds since 1970."""
    ended: float | None = None
    failed: bool = False

    @property
    def title(self) -> str:
        """What tells it from others of its rule: values, with their names where they are numbers."""
        said = (f"{name} {value}" if value.isdigit() else value for name, value in self.wildcards.items())
        return ", ".join(said)


@dataclass
class Call:
    """What is known of a call. Targets such as `all`, which run nothing, count as no jobs."""

    command: tuple[str, ...] = ()
    host: str = ""
    log: str = ""
    begun: float = 0.0
    heard: float = 0.0
    """When the last event was."""
    planned: dict[str, int] = field(default_factory=dict)
    """Jobs by rule, in the order in which rules were begun."""
    cores: int = 0
    jobs: dict[int, JobSeen] = field(default_factory=dict)
    ended: float | None = None
    succeeded: bool = False
    asked_to_end: float | None = None
    """When it was."""

    def add(self, event: Event) -> None:
        """Goes on by an event."""
        self.heard = max(self.heard, event.at)
        match event.kind:
            case "call":
                self.command, self.host, self.log, self.begun = event.command, event.host, event.log, event.at
            case "plan":
                self.planned = {rule: count for rule, count in event.jobs.items() if rule not in TARGETS}
            case "cores":
                self.cores = event.cores
            case "begun" if event.rule not in TARGETS:
                self.jobs[event.job] = JobSeen(event.rule, event.wildcards, event.log, event.at)
            case "done" | "failed" if event.job in self.jobs:
                job = self.jobs[event.job]
                job.ended, job.failed = event.at, event.kind == "failed"
            case "asked to end":
                self.asked_to_end = self.asked_to_end or event.at
            case "ended":
                self.ended, self.succeeded = event.at, event.succeeded

    @property
    def total(self) -> int:
        return sum(self.planned.values())

    @property
    def running(self) -> list[JobSeen]:
        """Jobs that were begun and have not ended: at work, or on a cluster in its queue."""
        return [job for job in self.jobs.values() if job.ended is None]

    @property
    def done(self) -> list[JobSeen]:
        return [job for job in self.jobs.values() if job.ended is not None and not job.failed]

    @property
    def failed(self) -> list[JobSeen]:
        """Jobs that failed by themselves and were not begun again."""
        return [job for job in self.jobs.values() if job.failed and not self._was_cut_short(job)]

    def _was_cut_short(self, job: JobSeen) -> bool:
        """Whether a job ended because the call was asked to: a terminal tells both at once."""
        at = self.asked_to_end
        return at is not None and job.ended is not None and job.ended > at - AT_ONCE_S

    def done_by_rule(self) -> Counter[str]:
        return Counter(job.rule for job in self.done)

    def waiting_by_rule(self) -> Counter[str]:
        """Jobs that were not begun yet."""
        return Counter(self.planned) - Counter(job.rule for job in self.jobs.values())

    def left_by_rule(self) -> Counter[str]:
        """Jobs that are neither done nor failed."""
        return Counter(self.planned) - self.done_by_rule() - Counter(job.rule for job in self.failed)

    def seconds_by_rule(self) -> dict[str, list[float]]:
        """What the jobs took that are done."""
        found: dict[str, list[float]] = {}
        for job in self.done:
            assert job.ended is not None
            found.setdefault(job.rule, []).append(job.ended - job.begun)
        return found


class Reader:
    """Reads a journal, and goes on where it grows.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, path: Path):
        self.path, self.call = path, Call()
        self._read = 0

    def read(self) -> Call:
        """The call as it is now. A line that is only half written is left for the next time, and one that is damaged is
        passed over."""
        with open(self.path, "rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for event in _events(whole.splitlines()):
            self.call.add(event)
        return self.call


def _events(lines: Iterable[bytes]) -> Iterator[Event]:
    for line in lines:
        try:
            yield Event.model_validate_json(line)
        except ValidationError:
            continue
