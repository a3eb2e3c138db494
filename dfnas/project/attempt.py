"""A few images made in little time: enough to see whether a classifier sees what they were made for.

Shapes: N images, C channels, H' W' canvas, K classes.
"""

import time
from dataclasses import dataclass

import torch

from dfnas.classifiers.teacher import Teacher
from dfnas.measure.choice import evenly
from dfnas.runtime.device import synchronize
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.synthesis.inversion import Inversion, to_uint8
from dfnas.synthesis.inversion_targets import one_hot, soft_labels
from dfnas.synthesis.objective import Objective

IMAGES = 16
TRIED = 2
"""Steps of a resolution by which its time is known; the first of them counts for nothing."""


@dataclass(frozen=True)
class Attempt:
    """What came of it."""

    images: torch.Tensor
    """(N, C, H', W') uint8."""
    classes: torch.Tensor
    """(N,), what each was made for."""
    labels: torch.Tensor
    """(N, K), what the classifier sees in each."""
    steps: int
    wanted: int
    """Steps that the configuration has."""
    whole_s: float
    """Seconds that all of them take, by those that were timed."""

    @property
    def is_short(self) -> bool:
        """Whether not even half of the steps were made."""
        return 2 * self.steps < self.wanted

    @property
    def seen(self) -> torch.Tensor:
        """(N,), the most probable class of each."""
        return self.labels.argmax(1)

    @property
    def agreeing(self) -> int:
        """Images in which it sees what they were made for."""
        return int((self.seen == self.classes).sum())


def attempt(teacher: Teacher, settings: InvertTeacherSettings, seconds: float) -> Attempt:
    """Makes images as `invert_teacher` does, with as many of its steps as there is time for.

    Args:
        settings: of the configuration; batches of its size are not made, and nothing is compiled.
        seconds: that all steps may take, those included by which their time is known.

    Raises:
        InputError: see `Inversion`.
    """
    count = teacher.spec.classes
    classes = torch.tensor(evenly(count, IMAGES)) if count > IMAGES else torch.arange(IMAGES) % count
    said = settings.plain() | {"batch_size": IMAGES, "compile": "never", "competition_weight": 0.0}
    wanted, begun, whole = sum(stage.steps for stage in settings.stages), time.perf_counter(), 0.0
    if wanted:
        needed = _seconds(teacher, _shortened(said, dict.fromkeys(range(len(said["stages"])), TRIED)), classes)
        whole = sum(one * stage.steps for one, stage in zip(needed, settings.stages, strict=True))
        share = min(1.0, max(0.0, seconds - (time.perf_counter() - begun)) / whole)
        steps = {place: max(TRIED, round(share * stage.steps)) for place, stage in enumerate(settings.stages)}
        said = _shortened(said, steps).plain()
    short = InvertTeacherSettings.parse(said)
    images = to_uint8(_inversion(teacher, short, classes).run()).cpu()
    labels = soft_labels(teacher, images, IMAGES)
    return Attempt(images, classes, labels, sum(stage.steps for stage in short.stages), wanted, whole)


def _shortened(said: dict, steps: dict[int, int]) -> InvertTeacherSettings:
    stages = [stage | {"steps": steps[place]} for place, stage in enumerate(said["stages"])]
    warmup = min(said["warmup_steps"], min(steps.values()) // 2)
    return InvertTeacherSettings.parse(said | {"stages": stages, "warmup_steps": warmup})


def _inversion(teacher: Teacher, settings: InvertTeacherSettings, classes: torch.Tensor) -> Inversion:
    return Inversion(Objective(teacher, settings), one_hot(classes, teacher.spec.classes), 0, 0)


def _seconds(teacher: Teacher, settings: InvertTeacherSettings, classes: torch.Tensor) -> list[float]:
    """Of a step at each resolution."""
    inversion, device, found = _inversion(teacher, settings, classes), teacher.mean.device, list[float]()
    for _ in settings.stages:
        inversion.advance(1)
        synchronize(device)
        begun = time.perf_counter()
        inversion.advance(TRIED - 1)
        synchronize(device)
        found.append((time.perf_counter() - begun) / (TRIED - 1))
    return found
