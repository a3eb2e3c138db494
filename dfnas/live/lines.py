"""A call line by line, as it happens, where there is no terminal to draw on."""

import time
from collections.abc import Iterator

from dfnas.live.call import Call, JobSeen
from dfnas.live.events import Event
from dfnas.live.snapshot import Snapshot
from dfnas.live.view import images, remaining, steps
from dfnas.live.words import clock, counted


def told(call: Call, event: Event) -> str | None:
    """What to say of an event that a call has just been told, if anything."""
    job = call.jobs.get(event.job)
    match event.kind:
        case "plan":
            return f"{_time(event)} {counted(call.total, 'job')} to do"
        case "begun" if job is not None:
            return f"{_time(event)} begun   {_name(job)}"
        case "done" if job is not None:
            took = clock(event.at - job.begun)
            return f"{_time(event)} done    {_name(job)} in {took} ({len(call.done)} of {call.total})"
        case "failed" if job in call.failed:
            return f"{_time(event)} failed  {_name(job)}, log: {job.log}"
        case "asked to end":
            return f"{_time(event)} ends as it was asked to; jobs save what they have"
    return None


def meanwhile(snapshot: Snapshot) -> Iterator[str]:
    """What to say now and then of a call at work."""
    call = snapshot.call
    yield f"{len(call.done)} of {counted(call.total, 'job')} in {clock(snapshot.elapsed_s)}, {remaining(snapshot)}"
    for job in snapshot.work:
        left = job.steps.left_now_s if job.steps else None
        yield f"  {job.rule} {job.title}: {steps(job)}{'' if left is None else f', {clock(left)} left'}"
    for line in images(snapshot):
        yield f"  {line}"


def _name(job: JobSeen) -> str:
    return f"{job.rule} {job.title}".rstrip()


def _time(event: Event) -> str:
    return time.strftime("%H:%M:%S", time.localtime(event.at))
