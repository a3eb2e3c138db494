"""The trial of the inversion."""

from collections.abc import Callable, Sequence

import torch

from dfnas.doctor.bench import Bench
from dfnas.doctor.trials.cost import JobCost, teacher_image
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.synthesis.compilation import pays
from dfnas.synthesis.inversion import Inversion
from dfnas.synthesis.objective import Objective
from dfnas.teacher import Teacher

COMPILED_SHARE, COMPILATION_S = 0.75, 30.0
"""Of a step's time what compiled code takes, and what compiling takes for each resolution (docs/synthesis.md)."""


def invert_teacher(bench: Bench, keys: Sequence[str]) -> list[JobCost]:
    """With it, what else is done to synthetic images by the teacher alone."""
    teacher, costs = bench.teacher(), []
    for source in keys:
        said, size = bench.config.synthetic_data()[source], bench.sizes[source]
        settings = said.invert_teacher
        a_batch = _inversion(bench, teacher, settings)
        compiled = pays(teacher, settings)
        if compiled:
            bench.notes.append("inversion: compiled code taken as a quarter faster")
        batches = said.synthesis.images / settings.batch_size / said.synthesis.shards
        seconds = batches * a_batch * (COMPILED_SHARE if compiled else 1.0)
        seconds += COMPILATION_S * len({stage.downscale for stage in settings.stages}) * compiled
        images = said.synthesis.images / said.synthesis.shards
        costs.append(JobCost("invert_teacher", source, seconds, images * size.bytes / size.images))
        a_look = teacher_image(bench, teacher, source) * said.synthesis.images
        costs.append(JobCost("calibrate_labels", source, a_look, said.synthesis.images * 4 * size.classes))
        seen_by = 1 + (bench.config.verifier is not None)
        costs.append(JobCost("assess_images", source, 2 * seen_by * a_look))
    return costs


def _inversion(bench: Bench, teacher: Teacher, settings: InvertTeacherSettings) -> float:
    """Seconds of one batch. The code is not compiled: that alone would take longer than all other trials."""
    plain = settings.model_copy(update={"compile": "never"})
    competitor = bench.competitor() if plain.competition_weight else None
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
