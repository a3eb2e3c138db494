"""Which kills there are to be: dealt like a deck of cards, so that every stage has its turn.

The deck has a card for each stage, and a second one for each whose loop saves checkpoints. It is dealt as often as
needed.
"""

import random
from collections.abc import Collection, Mapping
from typing import NamedTuple

from sessions import Job

EVERY = 6
"""How many kills there are for one that takes everything with it."""


class Course(NamedTuple):
    """A job that nobody disturbs."""

    seconds: float
    checkpoints: int


class Card(NamedTuple):
    """A kill that is to be."""

    stage: str
    in_loop: bool
    """Right after a checkpoint, instead of at any moment from the job's beginning to its end."""
    whole: bool
    """Whether all processes are killed with the job, Snakemake's included."""


class Stroke(NamedTuple):
    """A card that was dealt to a job, and the seconds or the number of checkpoints after which it comes."""

    card: Card
    job: Job
    seconds: float = 0.0
    checkpoints: int = 0


class Deck:
    """Cards for the jobs of an undisturbed run."""

    def __init__(self, courses: Mapping[Job, Course], rng: random.Random):
        self._courses, self._rng = courses, rng
        self.jobs = frozenset(courses)
        self.stages = sorted({job.stage for job in courses})
        self.loops = sorted({job.stage for job, course in courses.items() if course.checkpoints})

    def __len__(self) -> int:
        return len(self.stages) + len(self.loops)

    def cards(self, count: int) -> list[Card]:
        """So many, deck after deck, each shuffled such that any first part of it has its share of loops."""
        kinds = []
        while len(kinds) < count:
            places = {}
            for in_loop, stages in ((False, self.stages), (True, self.loops)):
                shuffled = self._rng.sample(stages, len(stages))
                places |= {(stage, in_loop): (i + self._rng.random()) / len(stages) for i, stage in enumerate(shuffled)}
            kinds += sorted(places, key=places.get)
        whole = self._rng.randrange(EVERY)
        return [Card(*kind, place % EVERY == whole) for place, kind in enumerate(kinds[:count])]

    def deal(self, card: Card, jobs: Collection[Job]) -> Stroke | None:
        """Gives a card to one of the jobs: of its stage, or where none is left, to another that it fits, if any."""
        fit = sorted(job for job in jobs if self._courses[job].checkpoints or not card.in_loop)
        if not fit:
            return None
        job = self._rng.choice([job for job in fit if job.stage == card.stage] or fit)
        course = self._courses[job]
        if card.in_loop:
            return Stroke(card, job, checkpoints=self._rng.randint(1, max(1, course.checkpoints - 1)))
        return Stroke(card, job, seconds=self._rng.uniform(0, course.seconds))
