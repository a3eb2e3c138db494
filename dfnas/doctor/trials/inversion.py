"""The trial of the inversion."""

from collections.abc import Callable, Sequence

import torch

from dfnas.classifiers.teacher import Teacher
from dfnas.doctor.bench import Bench
from dfnas.doctor.trials.cost import JobCost, teacher_image
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.synthesis.compilation import pays
from dfnas.synthesis.inversion import Inversion
from dfnas.synthesis.objective import Objective

COMPILED_SHARE, COMPILATION_S = 0.75, 30.0
"""Of a step's time what compiled code takes, and what compiling takes for each resolution (docs/synthesis.md)."""


def invert_teacher(bench: Bench, keys: Sequence[str]) -> list[JobCost]:
    """With it, what else is done to synthetic images by the teacher alone."""
    teacher, costs = bench.teacher(), []
    for source in keys:
        said, size = bench.config.synthetic_data()[source], bench.sizes[source]
        settings = said.invert_teacher
        competitor = bench.competitor() if settings.competition_weight else None
        batches = said.synthesis.images / settings.batch_size / said.synthesis.shards
        seconds = inversion_seconds(bench, teacher, settings, competitor, batches)
        images = said.synthesis.images / said.synthesis.shards
        costs.append(JobCost("invert_teacher", source, seconds, images * size.bytes / size.images))
        a_look = teacher_image(bench, teacher, source) * said.synthesis.images
        costs.append(JobCost("calibrate_labels", source, a_look, said.synthesis.images * 4 * size.classes))
        seen_by = 1 + (bench.config.verifier is not None)
        costs.append(JobCost("assess_images", source, 2 * seen_by * a_look))
    return costs


def inversion_seconds(
    bench: Bench, teacher: Teacher, settings: InvertTeacherSettings, competitor: Teacher | None, batches: float
) -> float:
    """Seconds of so many batches, one after the other."""
    seconds = batches * _batch_seconds(bench, teacher, settings, competitor)
    if not pays(teacher, settings):
        return seconds
    bench.notes.append("inversion: compiled code taken as a quarter faster")
    return COMPILED_SHARE * seconds + COMPILATION_S * len({stage.downscale for stage in settings.stages})


def _batch_seconds(
    bench: Bench, teacher: Teacher, settings: InvertTeacherSettings, competitor: Teacher | None
) -> float:
    """The code is not compiled: that alone would take longer than all other trials."""
    plain = settings.model_copy(update={"compile": "never"})
    objective, classes = Objective(teacher, plain, competitor), teacher.spec.classes
    total, first = 0.0, 0
    for stage in settings.stages:

        def steps_of(count: int, at: int = first) -> Callable[[int], object]:
            targets = torch.eye(classes)[torch.arange(count) % classes]
            inversion = Inversion(objective, targets, 0, 0)
            inversion.step = at
            return lambda _: inversion.advance(1) if inversion.step + 1 < inversion.total_steps else None

        total += stage.steps * bench.step_seconds(steps_of, settings.batch_size)
        first += stage.steps
    return total
