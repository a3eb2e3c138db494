"""A stage in a process of its own, with something done to it: `python driver.py ACTION STAGE ARGUMENTS...`

kill=N      the process kills itself, without a word, right after its N-th checkpoint; every step makes one
stop=N      the process stops there, until it is told to go on
term=N      the process is sent SIGTERM in its N-th step, and no checkpoint is due before
stuck       the first step does not come to its end
limit=N     no file may grow beyond N bytes, as on a disk that is full
memory=N    the process may have N bytes more than it begins with
exclusive   the stage's work is to note when it begins and ends
            (an empty action does nothing)
"""

import os
import resource
import signal
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "workflow"))
from calling import stage_of

from dfnas.runtime import checkpoint


def signal_after(saves: int, what: signal.Signals) -> None:
    """A signal to itself after a number of checkpoints."""
    checkpoint.INTERVAL_S = 0.0
    save, done = checkpoint.Checkpoint.save, []

    def save_and_signal(self, state):
        save(self, state)
        done.append(None)
        if len(done) == saves:
            os.kill(os.getpid(), what)

    checkpoint.Checkpoint.save = save_and_signal


def asked_after(steps: int) -> None:
    """SIGTERM after a number of steps, each of which asks whether a checkpoint is due."""
    taken = []

    def due(self) -> bool:
        taken.append(None)
        if len(taken) == steps:
            os.kill(os.getpid(), signal.SIGTERM)
        return False

    checkpoint.Checkpoint.due = due


def stuck(self) -> bool:
    """Says so, and takes its time."""
    print("stuck", file=sys.stderr, flush=True)
    end = time.monotonic() + 3600
    while time.monotonic() < end:  # in one long sleep a signal just before it would be heard at its end
        time.sleep(0.1)
    return False


def note(job) -> None:
    """Writes a line before and after a while, beside the output."""
    with open(f"{job.options.out}.notes", "a", buffering=1) as notes:
        notes.write(f"begin {os.getpid()}\n")
        time.sleep(0.5)
        notes.write(f"end {os.getpid()}\n")


def main(action: str, name: str, *arguments: str) -> int:
    stage, work = stage_of(name)
    what, _, number = action.partition("=")
    if what in ("kill", "stop"):
        signal_after(int(number), signal.SIGKILL if what == "kill" else signal.SIGSTOP)
    elif what == "term":
        asked_after(int(number))
    elif what == "stuck":
        checkpoint.Checkpoint.due = stuck
    elif what == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), int(number)))
    elif what == "memory":
        with open("/proc/self/statm") as told:
            size = int(told.read().split()[0]) * resource.getpagesize() + int(number)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    elif what == "exclusive":
        work = note
    return stage.main(work, list(arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
