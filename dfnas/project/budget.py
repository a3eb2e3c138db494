"""How much fits into some hours: the doctor's estimate of a first configuration, and that of more or less of it.

What grows with the effort e is the number of images, and with it the inversion, the calibration and the training, whose
epochs are passes over them; and the steps of the supernets. All else takes what it takes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dfnas.doctor.estimate import crowding, job_seconds
from dfnas.doctor.machine import Machine
from dfnas.doctor.schedule import Capacity, schedule
from dfnas.doctor.trials import Tried
from dfnas.doctor.workflow import PlannedJob
from dfnas.settings.config import Config

LARGEST = 64.0
"""Effort at which nothing is added any more."""
MARGIN = 0.85
"""Share of the hours that the estimate may take: it was within a factor of 1.5, and mostly high (docs/doctor.md)."""
MOST_STEPS = 4.0
"""Supernets are not trained for more than so many times the steps of the preset."""


@dataclass(frozen=True)
class Measured:
    """A configuration whose stages were tried on this machine."""

    config: Config
    jobs: Sequence[PlannedJob]
    tried: Sequence[Tried]
    machine: Machine
    gpus: int

    @property
    def failures(self) -> list[str]:
        """Why stages could not be tried."""
        return [f"{one.rule}: {one.error}" for one in self.tried if one.error]

    @property
    def memory_mb(self) -> int:
        """Of the largest job."""
        return max((one.memory_mb for one in self.tried), default=0)

    def seconds(self, effort: float, steps: float = 1.0) -> float:
        """Of all jobs on this machine, beside what runs here now.

        Args:
            effort: times as many images.
            steps: times as many steps of the inversion.
        """
        growth = {"invert_teacher": effort * steps, "calibrate_labels": effort, "retrain": effort}
        growth |= {rule: min(effort, MOST_STEPS) for rule in self.config.rules if rule.startswith("supernet_")}
        times = job_seconds(self.jobs, self.tried, self.config, self.gpus, growth)
        assert None not in times, "all stages were tried"
        machine = self.machine
        course = schedule(
            self.jobs, [time or 0.0 for time in times], Capacity(machine.whole_cores, machine.memory_mb, self.gpus)
        )
        return course.seconds * (1.0 if self.gpus else crowding(course, machine.cores, machine.load))


def effort_for(measured: Measured, hours: float, least: float) -> float:
    """The largest effort that fits into some hours, and `least` where not even that does."""
    low, high = math.log(least), math.log(LARGEST)
    if measured.seconds(least) >= MARGIN * 3600 * hours:
        return least
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if measured.seconds(math.exp(middle)) < MARGIN * 3600 * hours else (low, middle)
    return math.exp(low)


def fewest_images(classes: int, generations: int, batch_size: int, shards: int) -> int:
    """Images of a generation below which there is no run: a batch for each shard, one of each class a generation, and
    two of each in all, of which one is held out. Shards have as many batches each: the longest decides."""
    together = batch_size * shards
    needed = max(together, classes, math.ceil(2 * classes / generations))
    return math.ceil(needed / together) * together
