"""A run of the workflow whose jobs, and now and then all of it, are killed without a word."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from running import command

TABLE = "results/table1.csv"
CHOSEN, WHOLE = 0.7, 0.15
"""How often a job is killed, and how often with it all other processes, Snakemake's included."""
ANYWHERE_S, IN_LOOP_S = 6.0, 0.3
"""The longest wait from the beginning of a job, and from a checkpoint."""


class Kill(NamedTuple):
    """What a kill met."""

    stages: tuple[str, ...]
    """Of the processes that were killed."""
    whole: bool
    """Whether Snakemake was among them."""
    resumable: bool
    """Whether a checkpoint was there to go on from."""


class Victim:
    """A job that is to die: at a moment, or in a loop, soon after a checkpoint was saved in a folder."""

    def __init__(self, rng: random.Random, state: Path):
        self.chosen, self._in_loop = rng.random() < CHOSEN, rng.random() < 0.5
        self.whole = rng.random() < WHOLE
        self._state = state
        self._known = self._saved()
        self._wait = rng.uniform(0, IN_LOOP_S if self._in_loop else ANYWHERE_S)
        self._since = None if self._in_loop else time.monotonic()

    def due(self) -> bool:
        """Whether its moment has come."""
        if self.chosen and self._since is None and self._saved() - self._known:
            self._since = time.monotonic()
        return self.chosen and self._since is not None and time.monotonic() - self._since >= self._wait

    def _saved(self) -> set[tuple[str, int]]:
        found = set()
        for entry in checkpoints(self._state):
            with suppress(FileNotFoundError):  # of a job that has ended meanwhile
                found.add((entry.name, entry.stat().st_mtime_ns))
        return found


def checkpoints(state: Path) -> list[os.DirEntry]:
    """Those that are whole."""
    if not state.is_dir():
        return []
    return [each for each in os.scandir(state) if each.name.endswith(".pt") and not each.name.startswith(".")]


def members(session: int) -> dict[int, str]:
    """Processes of a session that are alive, and the stages that they run, if any."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            status, _, _, of = (place / "stat").read_text().rpartition(")")[2].split()[:4]
            line = (place / "cmdline").read_bytes().decode().split("\0")
        except (OSError, ValueError):  # gone meanwhile
            continue
        if int(of) == session and status != "Z":
            stages = (part.removeprefix("dfnas.stages.") for part in line if part.startswith("dfnas.stages."))
            found[int(place.name)] = next(stages, "")
    return found


def _killed(number: int) -> bool:
    """Kills a process, if it has not ended in time."""
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def killed(directory: Path, rng: random.Random, most: int, **keywords) -> Iterator[Kill]:
    """Runs the workflow and kills at most so many times: to its end, or until Snakemake was killed too."""
    call = command(directory, "--cores", "2", "--retries", "50", TABLE, **keywords)
    call["env"]["DFNAS_CHECKPOINT_S"] = "0"
    state, seen, count = directory / "results" / ".dfnas", {}, 0
    with open(directory / "killed.log", "a") as log:
        process = subprocess.Popen(**call, stdout=log, stderr=log, start_new_session=True)
    try:
        while process.poll() is None and count < most:
            time.sleep(0.03)
            alive = {number: stage for number, stage in members(process.pid).items() if stage}
            for number in alive:
                if number not in seen:
                    seen[number] = Victim(rng, state)
            due = [number for number in alive if seen[number].due()]
            if due and seen[due[0]].whole:
                yield Kill(tuple(alive.values()), True, bool(checkpoints(state)))
                return
            for number in due[: most - count]:
                seen[number].chosen = False
                if _killed(number):
                    count += 1
                    yield Kill((alive[number],), False, bool(checkpoints(state)))
        assert process.wait() == 0, (directory / "killed.log").read_text()[-5000:]
    finally:
        while remaining := members(process.pid):  # those that start others meanwhile too
            for number in remaining:
                _killed(number)
        process.wait()
