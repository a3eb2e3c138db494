"""A few real steps of each long stage, and how many of them a job takes: from the classes that do the work.

Every trial gives the cost of a job of one or more rules, by what its jobs differ in: the data set, the algorithm, or
both.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from dfnas.dataset.labels import labels_of
from dfnas.doctor.bench import Bench, bytes_of
from dfnas.measure.accuracy import logits_of
from dfnas.runtime.seeds import python_random
from dfnas.search.darts import DartsSearch
from dfnas.search.from_scratch import FromScratchSearch
from dfnas.search.proxyless import ProxylessSearch
from dfnas.search.recalibration import recalibrate
from dfnas.search.regularized_evolution import EvolutionSearch
from dfnas.search.spos import SposSearch
from dfnas.search.uniform import RandomSearch
from dfnas.settings.base import Settings
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.sources import ORIGINAL, training_section
from dfnas.spaces.slot import set_mixer
from dfnas.spaces.space import ABSENT
from dfnas.synthesis.compilation import pays
from dfnas.synthesis.inversion import Inversion
from dfnas.synthesis.objective import Objective
from dfnas.teacher import Teacher, TeacherSpec, build_network
from dfnas.training.training import Training

COMPILED_SHARE, COMPILATION_S = 0.75, 30.0
"""Of a step's time what compiled code takes, and what compiling takes for each resolution (docs/synthesis.md)."""
DRAWS = 2
"""Architectures that stand for what a search will find."""


@dataclass(frozen=True)
class JobCost:
    """What one job of a rule takes."""

    rule: str
    key: str
    """The wildcards that tell its jobs apart, joined by `/`; empty where they are alike."""
    seconds: float
    """After it is set up."""
    bytes: float = 0.0
    """That it leaves."""

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def pretrain_teacher(bench: Bench, keys: Sequence[str]) -> list[JobCost]:
    settings, spec = bench.config.pretrain_teacher, TeacherSpec.of(bench.config.teacher)
    seconds, left = _training(bench, settings, ORIGINAL, lambda: build_network(spec))
    return [JobCost("pretrain_teacher", "", seconds, left)]


def judge_images(bench: Bench, keys: Sequence[str]) -> list[JobCost]:
    settings, spec = bench.config.judge_images, TeacherSpec.of(bench.config.teacher)
    described = TeacherSpec(**spec.as_dict() | {"builder": settings.builder, "arguments": settings.arguments})
    costs = []
    for source in keys:
        seconds, _ = _training(bench, settings, source, lambda: build_network(described, "judge_images"))
        looks = bench.sizes[source].images + bench.sizes[ORIGINAL].test
        costs.append(JobCost("judge_images", source, seconds + looks * _teacher_image(bench, bench.teacher(), source)))
    return costs


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
        a_look = _teacher_image(bench, teacher, source) * said.synthesis.images
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


def search_darts(bench: Bench, keys: Sequence[str]) -> list[JobCost]:
    settings, costs, units = bench.config.search_darts, [], None
    for data in keys:
        context = bench.context(settings, "search_darts", data)
        search = DartsSearch(context, settings)
        units = units or _darts_units(bench, context, search)
        step, decided_step, look, decided_look = units
        per_epoch, images = search.batches.per_epoch, len(context.validation)
        seconds = settings.epochs * (per_epoch * step + images * look)
        choices = [subject for together in search.rounds for subject in together if not subject.is_node]
        nodes = [subject for together in search.rounds for subject in together if subject.is_node]
        topology, space = search.context.space.topology(), search.context.space
        droppable = {edge for node in topology.values() if node.kept is not None for edge in node.edges}
        on_trial = sum(sum(o != ABSENT or s.name not in droppable for o in space.choices[s.name]) for s in choices)
        for_nodes = sum(sum(range(topology[s.name].kept + 1, len(topology[s.name].edges) + 1)) for s in nodes)
        mean_look, mean_step = (look + decided_look) / 2, (step + decided_step) / 2  # while more and more is decided
        seconds += images * ((on_trial + len(search.rounds)) * mean_look + for_nodes * decided_look)
        deciding = sum(not together[0].is_node for together in search.rounds)
        seconds += search.tune_steps * (deciding * mean_step + max(0, len(search.rounds) - deciding - 1) * decided_step)
        costs.append(JobCost("search_darts", data, seconds, bytes_of(search.network.state_dict())))
    return costs


def _darts_units(bench: Bench, context: Any, search: DartsSearch) -> tuple[float, float, float, float]:
    """Seconds of a step and of a look at an image, with everything open and with everything decided."""
    settings, space = search.settings, context.space
    sampled = space.sample(python_random(0, "doctor"))
    decided = {choice: options.index(sampled[choice]) for choice, options in space.choices.items()}
    views = next(iter(search.held_out))
    latest = search

    def steps_of(count: int, choices: dict[str, int]) -> Callable[[int], object]:
        nonlocal latest
        latest = tried = search if count == settings.batch_size else DartsSearch(context, _of_batch(settings, count))
        tried.decisions.decided = choices
        first = settings.arch_warmup_epochs * tried.batches.per_epoch
        selecting = settings.epochs * tried.batches.per_epoch + 1
        return lambda _: tried.step(selecting if choices else first)

    def seconds(choices: dict[str, int]) -> tuple[float, float]:
        step = bench.step_seconds(lambda count: steps_of(count, choices), settings.batch_size)
        return step, bench.image_seconds(lambda part: logits_of(latest.network, [part]), views)

    step, look = seconds({})
    decided_step, decided_look = seconds(decided) if search.rounds else (step, look)
    search.decisions.decided = {}
    return step, decided_step, look, decided_look


def search_proxyless(bench: Bench, keys: Sequence[str]) -> list[JobCost]:
    settings, costs, units = bench.config.search_proxyless, [], None
    for data in keys:
        context = bench.context(settings, "search_proxyless", data)
        search = ProxylessSearch(context, settings)
        units = units or _proxyless_units(bench, context, search)
        step, both, look = units
        arch_steps = max(settings.epochs - 1, 0) * (search.batches.per_epoch // settings.arch_every)
        seconds = search.steps * step + arch_steps * max(0.0, both - step)
        seconds += search.epochs * len(context.validation) * look
        costs.append(JobCost("search_proxyless", data, seconds, bytes_of(search.network.state_dict())))
    return costs


def _proxyless_units(bench: Bench, context: Any, search: ProxylessSearch) -> tuple[float, float, float]:
    """Seconds of a weight step, of one with an architecture step behind it, and of a look at an image."""
    settings = search.settings

    def steps_of(count: int, architecture: bool) -> Callable[[int], object]:
        tried = search if count == settings.batch_size else ProxylessSearch(context, _of_batch(settings, count))
        per_epoch = tried.batches.per_epoch
        first = (settings.warmup_epochs + 1) * per_epoch + settings.arch_every - 1
        if not architecture:  # other paths in every step; no end of an epoch
            return lambda number: tried.step(number % max(1, per_epoch - 1))
        return lambda number: tried.step(first)

    step = bench.step_seconds(lambda count: steps_of(count, False), settings.batch_size)
    both = bench.step_seconds(lambda count: steps_of(count, True), settings.batch_size)
    search.path.path = context.space.path(search.architecture())
    set_mixer(search.network, search.path)
    views = next(iter(search.held_out))
    return step, both, bench.image_seconds(lambda part: logits_of(search.network, [part]), views)


def search_spos(bench: Bench, keys: Sequence[str]) -> list[JobCost]:
    settings, costs, units = bench.config.search_spos, [], None
    ranked = bench.config.rank_architectures
    for data in keys:
        context = bench.context(settings, "search_spos", data)
        search = SposSearch(context, settings)
        units = units or _spos_units(bench, context, search)
        step, calibration, look = units
        evolution, validation = settings.evolution, len(context.validation)
        a_candidate = evolution.recalibration_batches * calibration + validation * look
        seconds = settings.steps * step + evolution.generations * evolution.population * a_candidate
        costs.append(JobCost("search_spos", data, seconds, bytes_of(search.network.state_dict())))
        beside = getattr(bench.sizes[ORIGINAL], ranked.split) * look
        costs.append(JobCost("rank_architectures", data, ranked.architectures * (a_candidate + beside)))
    return costs


def _spos_units(bench: Bench, context: Any, search: SposSearch) -> tuple[float, float, float]:
    """Seconds of a step, of a batch of recalibration, and of a look at an image, over random paths."""
    settings, scores = search.settings, search.scores

    def steps_of(count: int) -> Callable[[int], object]:
        tried = search if count == settings.batch_size else SposSearch(context, _of_batch(settings, count))
        period = tried.batches.per_epoch
        return lambda number: tried.step(number % max(1, min(period, settings.steps) - 1))

    step = bench.step_seconds(steps_of, settings.batch_size)
    paths = [context.space.path(context.space.sample(python_random(0, "doctor", place))) for place in range(8)]

    def on_path(number: int, work: Callable[[], object]) -> object:
        scores.path.path = paths[number % len(paths)]
        return work()

    set_mixer(search.network, scores.path)
    views = scores.recalibration.batches.views(0)
    calibration = bench.step_seconds(
        lambda count: lambda number: on_path(number, lambda: recalibrate(search.network, [views[:count]])), len(views)
    )
    held_out = next(iter(search.held_out))
    look = bench.step_seconds(
        lambda count: lambda number: on_path(number, lambda: logits_of(search.network, [held_out[:count]])),
        len(held_out),
    )
    return step, calibration, look / len(held_out)


def search_random(bench: Bench, keys: Sequence[str]) -> list[JobCost]:
    return _from_scratch(bench, "search_random", keys, RandomSearch)


def search_evolution(bench: Bench, keys: Sequence[str]) -> list[JobCost]:
    return _from_scratch(bench, "search_evolution", keys, EvolutionSearch)


def _from_scratch(
    bench: Bench, rule: str, keys: Sequence[str], algorithm: Callable[[Any, Any], FromScratchSearch]
) -> list[JobCost]:
    settings, costs, units = getattr(bench.config, rule), [], None
    for data in keys:
        context = bench.context(settings, rule, data)
        search = algorithm(context, settings)
        if units is None:

            def steps_of(count: int, context: Any = context, search: FromScratchSearch = search):
                tried = search if count == settings.batch_size else algorithm(context, _of_batch(settings, count))
                last = max(1, settings.steps - 1)
                # Step 0 builds a candidate's network; the last one judges it.
                return lambda number: tried.step(min(number, last - 1) if settings.steps > 1 else 0)

            step = bench.step_seconds(steps_of, settings.batch_size)
            network = context.space.network(context.space.sample(python_random(0, "doctor"))).to(bench.device)
            views = next(iter(search.held_out))
            units = step, bench.image_seconds(lambda part, network=network: logits_of(network, [part]), views)
        step, look = units
        candidates = search.steps // settings.steps
        seconds = search.steps * step + candidates * len(context.validation) * look
        costs.append(JobCost(rule, data, seconds))
    return costs


def retrain(bench: Bench, keys: Sequence[str]) -> list[JobCost]:
    """With the evaluation of what was trained."""
    costs, teacher, test = [], bench.teacher(), bench.sizes[ORIGINAL].test
    a_look = _teacher_image(bench, teacher, ORIGINAL)
    costs.append(JobCost("evaluate", "teacher", (test + bench.sizes[ORIGINAL].validation) * a_look))
    for key in keys:
        algorithm, data = key.split("/")
        settings = getattr(bench.config, training_section(data))
        space = bench.space(f"search_{algorithm}", data)
        sampled = [space.sample(python_random(draw, "doctor")) for draw in range(DRAWS)]
        found = [_training(bench, settings, data, partial(space.network, choices)) for choices in sampled]
        seconds, left = (sum(values) / DRAWS for values in zip(*found, strict=True))
        costs.append(JobCost("retrain", key, seconds, left))
        network = space.network(sampled[0]).to(bench.device)
        own = _network_image(bench, network, data)
        looks = (test + bench.sizes[data].validation) * own + test * a_look
        costs.append(JobCost("evaluate", key, looks))
    return costs


def _training(bench: Bench, settings: Any, data: str, network_of: Callable[[], nn.Module]) -> tuple[float, int]:
    """Seconds of a whole training, and bytes of the network that it leaves."""
    train, validation = bench.images(data, "train"), bench.images(data, "validation")
    labels = getattr(settings, "labels", "soft")
    teacher = bench.labelling_teacher(labels)

    def training_of(count: int) -> Training:
        own = _of_batch(settings, count)
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
    look = _network_image(bench, whole.result, data)
    return whole.steps * step + settings.epochs * len(validation) * look, bytes_of(whole.result.state_dict())


def _network_image(bench: Bench, network: nn.Module, data: str) -> float:
    size = bench.sizes[data]
    views = torch.rand(bench.config.evaluate.batch_size, size.channels, *size.size, device=bench.device)
    views = views.contiguous(memory_format=torch.channels_last)
    network = network.to(memory_format=torch.channels_last)
    return bench.image_seconds(lambda part: logits_of(network, [part]), views)


def _teacher_image(bench: Bench, teacher: Teacher, data: str) -> float:
    return _network_image(bench, teacher.network, data)


def _of_batch(settings: Any, count: int) -> Settings:
    return settings.model_copy(update={"batch_size": count})


TRIALS: dict[str, Callable[[Bench, Sequence[str]], list[JobCost]]] = {
    "pretrain_teacher": pretrain_teacher,
    "judge_images": judge_images,
    "invert_teacher": invert_teacher,
    "search_darts": search_darts,
    "search_proxyless": search_proxyless,
    "search_spos": search_spos,
    "search_random": search_random,
    "search_evolution": search_evolution,
    "retrain": retrain,
}
"""By the rule that each is about."""
