"""Processes of a call of Snakemake, as /proc has them, and their end without a word."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from preloaded import worker

STAGES = "dfnas.stages."


class Job(NamedTuple):
    """A job of the workflow, known by the first file that it makes."""

    stage: str
    out: str


class Session:
    """The processes of a session, the number of which is that of the process that began it."""

    def __init__(self, number: int):
        self._number, self._others, self._jobs = number, set(), {}

    def jobs(self) -> dict[int, Job]:
        """Those that run a stage and have not ended."""
        members = self._members()
        self._jobs = {number: job for number, job in self._jobs.items() if number in members}
        for number in members:
            if number not in self._jobs and (job := _job(number)):
                self._jobs[number] = job
        workers = {worker(number): job for number, job in self._jobs.items()}
        return {number: job for number, job in workers.items() if number and _status(number)[0] not in "ZX"}

    def kill(self) -> None:
        """Kills all of them, at once; those that one was just about to start too, and those that work for one."""
        while members := self._members():
            members |= {number: 0 for number in map(worker, members) if number}
            with suppress(ProcessLookupError):
                os.killpg(self._number, signal.SIGKILL)
            for number in members:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            while any(_status(number)[0] not in "ZX" for number in members):
                time.sleep(0.001)

    def _members(self) -> dict[int, int]:
        """The processes that have not ended, and their parents."""
        there = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        self._others &= there
        found = {}
        for number in sorted(there - self._others):
            state, parent, session = _status(number)
            if session != self._number:
                self._others.add(number)
            elif state not in "ZX":
                found[number] = parent
        return found


def _job(number: int) -> Job | None:
    """What a process does, if it runs a stage."""
    try:
        words = Path(f"/proc/{number}/cmdline").read_text().split("\0")
    except OSError:  # gone meanwhile
        return None
    stage = next((word for word in words if word.startswith(STAGES)), None)
    if stage is None:
        return None
    algorithm = [words[words.index(stage) + 1]] if stage == f"{STAGES}search" else []
    return Job("_".join([stage.removeprefix(STAGES), *algorithm]), words[words.index("--out") + 1])


def stop(number: int) -> bool:
    """Holds a process where it is. False if it has come to its end before that: then it is too late to kill it."""
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGSTOP)
    while (state := _status(number)[0]) != "T":
        if state in "ZX":
            return False
        time.sleep(0.001)
    return True


def go_on(number: int) -> None:
    """Lets a process go on that was held."""
    os.kill(number, signal.SIGCONT)


def kill(number: int) -> None:
    """Kills a process that is held, and sees it dead."""
    os.kill(number, signal.SIGKILL)
    while _status(number)[0] not in "ZX":
        time.sleep(0.001)


def _status(number: int) -> tuple[str, int, int]:
    """The state of a process, X if it is gone, its parent and its session."""
    try:
        state, parent, _, session = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[:4]
    except OSError:
        return "X", 0, 0
    return state, int(parent), int(session)
