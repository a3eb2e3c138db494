"""What trials share: a clock for the device, random images of the right shape, and networks with fresh weights.

Nothing is read but the configuration: times do not depend on what images show or networks know.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from dfnas.classifiers.assembly import assemble, build_network
from dfnas.classifiers.metadata import complete
from dfnas.classifiers.names import TORCHSCRIPT
from dfnas.classifiers.teacher import Teacher
from dfnas.classifiers.weights import read_weights
from dfnas.dataset.images import ImageSet
from dfnas.doctor.originals import DataSize
from dfnas.runtime.device import synchronize
from dfnas.runtime.seeds import generator
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.settings.config import Config
from dfnas.settings.search import SearchSettings
from dfnas.settings.teacher import TeacherSettings
from dfnas.spaces.registry import make
from dfnas.spaces.space import Space, Task

PATTERNS = 64
"""Different images of noise, which a set repeats."""
SMALL = 4
"""Images of a batch that is tried before the whole one."""
SLOW_S = 6.0
"""A step that would take longer is not done: its time is taken in proportion from that of a small batch."""
SPAN_S, MOST = 1.5, 40
"""A step is repeated for so long, or so often, and three times at least unless it is slow."""


@dataclass
class Bench:
    """The machine and the configuration that trials are about."""

    config: Config
    sizes: dict[str, DataSize]
    device: torch.device
    begun: float
    """When this process was started, by `time.time`."""
    threads: int = 1
    """Of a CPU operation."""
    setup_s: float | None = None
    """From then until the first thing was timed: what a job takes before its first step."""
    notes: list[str] = field(default_factory=list)

    def seconds(self, work: Callable[[int], object]) -> float:
        """Mean time of a call of `work`, which is given the number of the call; the first is not counted."""
        self._begin()
        self._once(work, 0)
        first = self._once(work, 1)
        if first > SPAN_S:
            return first
        total, calls = first, 1
        while calls < 3 or (total < SPAN_S and calls < MOST):
            total += self._once(work, calls + 1)
            calls += 1
        return total / calls

    def step_seconds(self, steps_of: Callable[[int], Callable[[int], object]], batch_size: int) -> float:
        """Time of a step on a batch: of the whole, unless that would be slow.

        Args:
            steps_of: makes the step for a batch size.
        """
        small = min(SMALL, batch_size)
        step = steps_of(small)
        self._begin()
        self._once(step, 0)
        tried = self._once(step, 1)
        expected = tried * batch_size / small
        if small == batch_size:
            return self.seconds(step)
        if expected > SLOW_S:
            self.notes.append(f"steps on {small} images taken {batch_size / small:g} times")
            return expected
        return self.seconds(steps_of(batch_size))

    def image_seconds(self, forward: Callable[[torch.Tensor], object], images: torch.Tensor) -> float:
        """Time of a forward pass for each image of a batch."""
        return self.step_seconds(lambda count: lambda _: forward(images[:count]), len(images)) / len(images)

    def _once(self, work: Callable[[int], object], number: int) -> float:
        synchronize(self.device)
        begun = self._clock()
        work(number)
        synchronize(self.device)
        return self._clock() - begun

    def _clock(self) -> float:
        """On one CPU thread the process' own time, which other programs on the machine do not move."""
        return time.process_time() if self.alone else time.perf_counter()

    @property
    def alone(self) -> bool:
        """Whether all work is one thread's."""
        return self.device.type == "cpu" and self.threads == 1

    def since_start(self) -> float:
        """Seconds since this process was started."""
        return time.process_time() if self.alone else time.time() - self.begun

    def _begin(self) -> None:
        if self.setup_s is None:
            synchronize(self.device)
            self.setup_s = self.since_start()

    def images(self, data: str, split: str) -> ImageSet:
        """Noise in place of a split of a data set, as many images as it has."""
        size = self.sizes[data]
        return noise(size, max(1, getattr(size, split)), self.device)

    def teacher(self) -> Teacher:
        """The teacher as it is, or where it is still to be trained or fetched, with fresh weights."""
        return self._network(self.config.teacher, "teacher")

    def competitor(self) -> Teacher:
        """The second network of an inversion, likewise."""
        assert self.config.competitor is not None, "the configuration is checked"
        return self._network(self.config.competitor, "competitor")

    def _network(self, settings: TeacherSettings, section: str) -> Teacher:
        spec = complete(settings, section)
        if settings.builder == TORCHSCRIPT:
            return assemble(spec, read_weights(settings), str(settings.file())).to(self.device)
        return Teacher(spec, build_network(spec)).to(self.device)

    def labelling_teacher(self, labels: str) -> Teacher | None:
        """The teacher, where the labels are its."""
        return self.teacher() if labels == "teacher" else None

    def task(self, data: str) -> Task:
        size = self.sizes[data]
        return Task(size.channels, size.size, size.classes)

    def space(self, rule: str, data: str) -> Space:
        """The space of a search, for the task of a data set."""
        settings = getattr(self.config, rule).space
        return make(settings.name, self.task(data), settings.options)

    def context(self, settings: SearchSettings, rule: str, data: str) -> SearchContext:
        """What a search works on. Limits of milliseconds are left out, and a table of them is that of the MACs: neither
        changes the time of a step."""
        space = self.space(rule, data)
        budget = Budget(space, settings.budget.model_copy(update={"max_latency_ms": 0.0}))
        train, validation = self.images(data, "train"), self.images(data, "validation")
        teacher = self.labelling_teacher(settings.labels)
        return SearchContext(space, train, validation, 0, budget, teacher, space.macs_table())


def noise(size: DataSize, count: int, device: torch.device) -> ImageSet:
    """An image set of noise, with soft labels of every class in turn."""
    shape = (min(PATTERNS, count), *size.stored, size.channels)
    patterns = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator(0, "doctor", "images"))
    chosen = torch.arange(count) % len(patterns)
    images = patterns[chosen].permute(0, 3, 1, 2)  # channels last in memory, as an image set keeps them
    targets = torch.arange(count) % size.classes
    labels = torch.full((count, size.classes), 0.1 / size.classes)
    labels[torch.arange(count), targets] += 0.9
    mean, std = (0.5,) * size.channels, (0.25,) * size.channels
    return ImageSet(images.to(device), labels.to(device), targets.to(device), size.size, mean, std)


def bytes_of(state: dict[str, torch.Tensor]) -> int:
    """Of the tensors of a state, which is what its file takes."""
    return sum(value.nbytes for value in state.values())
