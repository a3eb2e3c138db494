"""The trial of SPOS, its evolution and the ranking of architectures by its supernet."""

from collections.abc import Callable, Sequence
from typing import Any

from dfnas.doctor.bench import Bench, bytes_of
from dfnas.doctor.trials.cost import JobCost, of_batch
from dfnas.measure.accuracy import logits_of
from dfnas.runtime.seeds import python_random
from dfnas.search.recalibration import recalibrate
from dfnas.search.spos import SposSearch
from dfnas.settings.sources import ORIGINAL
from dfnas.spaces.slot import set_mixer


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
        tried = search if count == settings.batch_size else SposSearch(context, of_batch(settings, count))
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
