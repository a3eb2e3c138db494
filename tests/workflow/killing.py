"""A run of the workflow whose jobs, and now and then all of it, are killed without a word."""

import os
import select
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import preloaded
from dealing import Card, Course, Deck, Stroke
from running import command, snakemake
from saves import Saves
from sessions import Job, Session, go_on, kill, stop

LOOK_S = 0.02
"""Between two looks at the processes, if no checkpoint is saved meanwhile."""


class Kill(NamedTuple):
    """What a kill met."""

    stage: str
    in_loop: bool
    """Whether it was to come right after a checkpoint."""
    whole: bool
    """Whether it took all processes, Snakemake's included."""
    beside: int
    """Other jobs that it took along."""
    saved: int
    """Checkpoints that the job had saved, of which the last was there to go on from; 0 for none."""


@dataclass
class Process:
    """One that runs a job."""

    job: Job
    stroke: Stroke | None
    begun: float = field(default_factory=time.monotonic)
    saves: int = 0

    def due(self, saved: int) -> bool:
        """Whether its moment has come, with so many checkpoints of its job."""
        if self.stroke is None:
            return False
        if self.stroke.card.in_loop:
            return self.saves > 0 and saved >= self.stroke.checkpoints
        return time.monotonic() - self.begun >= self.stroke.seconds


class Run:
    """A run from nothing to its end, however often it is killed. Every step of a loop saves a checkpoint.

    Attributes:
        kills: those that there were.
        missed: cards whose jobs ended before their moment, with no job still to come that they could be dealt to.
        courses: of each job, the seconds of the process that finished it, and the checkpoints of all its processes: if
            each goes on from the last one of its predecessor, as many as an undisturbed process saves.
    """

    def __init__(self, directory: Path, target: str, **keywords):
        self._directory, self._target, self._keywords = directory, target, keywords
        self.kills: list[Kill] = []
        self.missed: list[Card] = []
        self.courses: dict[Job, Course] = {}
        self._strokes: dict[Job, list[Stroke]] = defaultdict(list)
        self._ahead: set[Job] = set()
        self._saved: Counter[Job] = Counter()
        self._checkpoints: dict[Job, Path] = {}
        self._processes: dict[int, Process] = {}

    def complete(self, deck: Deck | None = None, cards: Iterable[Card] = ()) -> None:
        """Runs the workflow with these kills, and again after each that took Snakemake with it."""
        self._ahead = set(deck.jobs) if deck else set()
        for card in cards:
            self._deal(deck, card)
        while not self._called(deck):
            unlocked = snakemake(self._directory, "--unlock", **self._keywords)
            assert unlocked.returncode == 0, unlocked.stderr[-3000:]
        failed = self._log.read_text().count("\nTrying to restart job ")
        # Fewer where Snakemake was killed before it saw that one of its jobs was.
        assert failed <= sum(not each.whole for each in self.kills), f"a job failed by itself, see {self._log}"
        self.missed += [stroke.card for strokes in self._strokes.values() for stroke in strokes]

    @property
    def _log(self) -> Path:
        return self._directory / "snakemake.log"

    def _called(self, deck: Deck | None) -> bool:
        """Calls Snakemake. False if it was killed."""
        retries = str(sum(map(len, self._strokes.values())))
        options = ("--cores", "2", "--retries", retries)
        call = command(self._directory, *options, self._target, **self._keywords, real=True)
        # Its session has all that it starts, and for each stage the caller of a `python` that is loaded already.
        call["env"]["PATH"] = f"{preloaded.commands()}{os.pathsep}{call['env']['PATH']}"
        call["env"]["DFNAS_CHECKPOINT_S"] = "0"
        call["env"].pop("DFNAS_CACHE", None)  # what a cache has, no job makes
        saves = Saves(self._directory / "results" / ".dfnas")
        with open(self._log, "a") as log:
            caller = subprocess.Popen(**call, stdout=log, stderr=log, start_new_session=True)
        session = Session(caller.pid)
        try:
            while caller.poll() is None:
                select.select([saves], [], [], LOOK_S)
                self._look(session, saves, deck)
                due = [number for number, process in self._processes.items() if process.due(self._saved[process.job])]
                if due and self._killed(due[0], session, saves) and self.kills[-1].whole:
                    return False
            self._look(session, saves, deck)
            assert caller.returncode == 0, self._log.read_text()[-5000:]
            return True
        finally:
            session.kill()
            caller.wait()
            saves.close()

    def _look(self, session: Session, saves: Saves, deck: Deck | None) -> None:
        """Notes which processes began, saved and ended."""
        alive = session.jobs()
        for number in alive.keys() - self._processes.keys():
            strokes = self._strokes[alive[number]]
            self._processes[number] = Process(alive[number], strokes.pop(0) if strokes else None)
            self._ahead.discard(alive[number])
        self._note(saves)
        for number in self._processes.keys() - alive.keys():
            process = self._processes.pop(number)
            self.courses[process.job] = Course(time.monotonic() - process.begun, self._saved.pop(process.job, 0))
            for stroke in filter(None, [process.stroke, *self._strokes.pop(process.job, [])]):
                self._deal(deck, stroke.card)

    def _note(self, saves: Saves) -> None:
        for number, path in saves.new():
            process = self._processes.get(number)
            assert process is not None, f"a process that nobody saw begin saved {path}"
            process.saves += 1
            self._saved[process.job] += 1
            self._checkpoints[process.job] = path

    def _deal(self, deck: Deck, card: Card) -> None:
        stroke = deck.deal(card, self._ahead)
        if stroke is None:
            self.missed.append(card)
        else:
            self._strokes[stroke.job].append(stroke)

    def _killed(self, number: int, session: Session, saves: Saves) -> bool:
        """Kills a process, and all others if that is its stroke. False if it has come to its end before."""
        process = self._processes[number]
        _, in_loop, whole = process.stroke.card
        if not stop(number):
            return False
        self._note(saves)
        kept = self._kept(process.job)
        if in_loop and not kept:  # it is done with its loop
            go_on(number)
            return False
        beside = len(session.jobs()) - 1 if whole else 0
        self.kills.append(Kill(process.job.stage, in_loop, whole, beside, kept))
        del self._processes[number]
        if whole:
            session.kill()
            self._note(saves)
            for other in self._processes.values():
                self._kept(other.job)
                if other.stroke:
                    self._strokes[other.job].insert(0, other.stroke)
            self._processes.clear()
        else:
            kill(number)
        return True

    def _kept(self, job: Job) -> int:
        """How many steps a job that is killed now need not do again."""
        if job in self._checkpoints and not self._checkpoints[job].exists():
            self._saved[job] = 0
        return self._saved[job]
