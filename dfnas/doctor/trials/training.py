"""Trials of what trains a network: the teacher, the judge of images, the networks that were found."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import nn

from dfnas.classifiers.assembly import build_network
from dfnas.classifiers.metadata import complete
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.batch_targets import labels_of
from dfnas.doctor.bench import Bench, bytes_of
from dfnas.doctor.trials.cost import JobCost, network_image, of_batch, teacher_image
from dfnas.doctor.trials.inversion import inversion_seconds
from dfnas.runtime.seeds import python_random
from dfnas.settings.sources import ORIGINAL, training_section
from dfnas.training.training import Training

DRAWS = 2
"""Architectures that stand for what a search will find."""


def pretrain_teacher(bench: Bench, keys: Sequence[str]) -> list[JobCost]:
    settings, spec = bench.config.pretrain_teacher, complete(bench.config.teacher)
    seconds, left = training_cost(bench, settings, ORIGINAL, lambda: build_network(spec))
    return [JobCost("pretrain_teacher", "", seconds, left)]


def judge_images(bench: Bench, keys: Sequence[str]) -> list[JobCost]:
    settings, spec = bench.config.judge_images, complete(bench.config.teacher)
    described = spec.model_copy(update={"builder": settings.builder, "arguments": settings.arguments})
    costs = []
    for source in keys:
        seconds, _ = training_cost(bench, settings, source, lambda: build_network(described, "judge_images"))
        looks = bench.sizes[source].images + bench.sizes[ORIGINAL].test
        costs.append(JobCost("judge_images", source, seconds + looks * teacher_image(bench, bench.teacher(), source)))
    return costs


def retrain(bench: Bench, keys: Sequence[str]) -> list[JobCost]:
    """With the evaluation of what was trained."""
    costs, teacher, test = [], bench.teacher(), bench.sizes[ORIGINAL].test
    fresh: dict[str, float] = {}  # they cost what the teacher costs: against which network, makes little difference
    a_look = teacher_image(bench, teacher, ORIGINAL)
    costs.append(JobCost("evaluate", "teacher", (test + bench.sizes[ORIGINAL].validation) * a_look))
    for key in keys:
        algorithm, data = key.split("/")
        settings = getattr(bench.config, training_section(data))
        space = bench.space(f"search_{algorithm}", data)
        sampled = [space.sample(python_random(draw, "doctor")) for draw in range(DRAWS)]
        found = [training_cost(bench, settings, data, partial(space.network, choices)) for choices in sampled]
        seconds, left = (sum(values) / DRAWS for values in zip(*found, strict=True))
        if data not in fresh:
            fresh[data] = _fresh_images(bench, settings, data, partial(space.network, sampled[0]))
        costs.append(JobCost("retrain", key, seconds, left, fresh[data]))
        network = space.network(sampled[0]).to(bench.device)
        own = network_image(bench, network, data)
        looks = (test + bench.sizes[data].validation) * own + test * a_look
        costs.append(JobCost("evaluate", key, looks))
    return costs


def _fresh_images(bench: Bench, settings: Any, data: str, network_of: Callable[[], nn.Module]) -> float:
    """Seconds of the images that a training makes in between."""
    fresh = settings.fresh
    rounds = fresh.rounds(settings.epochs)
    if not rounds:
        return 0.0
    teacher, inversion = bench.teacher(), bench.config.synthetic_data()[data].invert_teacher
    inversion = inversion.model_copy(update={"competition_weight": fresh.competition_weight})
    student = Teacher(teacher.spec, network_of()).to(bench.device) if fresh.competition_weight else None
    return inversion_seconds(bench, teacher, inversion, student, rounds * fresh.batches)


def training_cost(bench: Bench, settings: Any, data: str, network_of: Callable[[], nn.Module]) -> tuple[float, int]:
    """Seconds of a whole training, and bytes of the network that it leaves."""
    train, validation = bench.images(data, "train"), bench.images(data, "validation")
    labels = getattr(settings, "labels", "soft")
    teacher = bench.labelling_teacher(labels)

    def training_of(count: int) -> Training:
        own = of_batch(settings, count)
        targets = labels_of(train, own, teacher) if hasattr(own, "labels") else None
        extra = [getattr(own, name, 0.0) for name in ("auxiliary_weight", "drop_path")]
        temperature = getattr(own, "temperature", 1.0)
        return Training(
            network_of().to(bench.device), train, validation, own, 0, *extra, labels=targets, temperature=temperature
        )

    whole = training_of(settings.batch_size)

    def steps_of(count: int) -> Callable[[int], object]:
        tried = whole if count == settings.batch_size else training_of(count)
        return lambda number: tried.step(number % max(1, tried.batches.per_epoch - 1))

    step = bench.step_seconds(steps_of, settings.batch_size)
    look = network_image(bench, whole.result, data)
    return whole.steps * step + settings.epochs * len(validation) * look, bytes_of(whole.result.state_dict())
