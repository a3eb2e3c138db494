"""The trial of ProxylessNAS."""

from collections.abc import Callable, Sequence
from typing import Any

from dfnas.doctor.bench import Bench, bytes_of
from dfnas.doctor.trials.cost import JobCost, of_batch
from dfnas.measure.accuracy import logits_of
from dfnas.search.proxyless import ProxylessSearch
from dfnas.spaces.slot import set_mixer


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
        tried = search if count == settings.batch_size else ProxylessSearch(context, of_batch(settings, count))
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
