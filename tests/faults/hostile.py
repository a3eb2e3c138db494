"""Stages that are given files made to harm: each in a process of its own, with little memory and time."""

import multiprocessing
import os
import resource
import signal
import sys
from pathlib import Path

from preloaded import HEAVY
from stage_calls import run

MEMORY, SECONDS = 3 << 30, 60
"""What they may take; seconds of work, whatever else the machine has to do."""
HUGE = 10**12
CLEAN = multiprocessing.get_context("forkserver")
"""Processes with their libraries loaded and nothing done: torch forbids a training in the copy of a process that has
used some of its threads, as a test before may have done."""
CLEAN.set_forkserver_preload(list(HEAVY))


def alone(
    path: Path, name: str, arguments: list, memory: int = MEMORY, files: int | None = None
) -> tuple[int | None, list[str]]:
    """Status and lines of a stage in a process of its own that may not take much: so many bytes more than it begins
    with, and so many files more than are open."""
    child = CLEAN.Process(target=_limited, args=(path, name, arguments, memory, files))
    child.start()
    child.join()
    return child.exitcode, path.read_text().splitlines()


def _limited(path: Path, name: str, arguments: list, memory: int, files: int | None) -> None:
    with open(path, "w") as log:
        os.dup2(log.fileno(), 2)
    sys.stderr = os.fdopen(2, "w")
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + memory, size + memory))
    if files is not None:
        free = [number for number in range(files + 1000) if not Path(f"/proc/self/fd/{number}").exists()]
        limit = free[files]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    status = run(name, *arguments)
    sys.stderr.flush()
    os._exit(status)


def laughs() -> list:
    """Ten thousand million values in some hundred bytes."""
    value = ["ha"] * 10
    for _ in range(9):
        value = [value] * 10
    return value


class Hostile:
    """Rebuilding it makes a folder."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)
