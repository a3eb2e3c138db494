"""Stages that are given files made to harm: each in a process of its own, with little memory and time."""

import os
import resource
import signal
import sys
import traceback
from pathlib import Path

from stage_calls import run

MEMORY, SECONDS = 3 << 30, 60
"""What they may take; seconds of work, whatever else the machine has to do."""
HUGE = 10**12


def alone(
    path: Path, name: str, arguments: list, memory: int = MEMORY, files: int | None = None
) -> tuple[int, list[str]]:
    """Status and lines of a stage in a copy of this process that may not take much: so many bytes more than it has, and
    so many files more than are open."""
    child = os.fork()
    if not child:
        status = 99
        try:
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
        except BaseException:  # a bug is told as well
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended), path.read_text().splitlines()


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
