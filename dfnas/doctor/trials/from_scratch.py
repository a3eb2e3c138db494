"""Trials of the searches that train every candidate from scratch."""

from collections.abc import Callable, Sequence
from typing import Any

from dfnas.doctor.bench import Bench
from dfnas.doctor.trials.cost import JobCost, of_batch
from dfnas.measure.accuracy import logits_of
from dfnas.runtime.seeds import python_random
from dfnas.search.from_scratch import FromScratchSearch
from dfnas.search.regularized_evolution import EvolutionSearch
from dfnas.search.uniform import RandomSearch


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
                tried = search if count == settings.batch_size else algorithm(context, of_batch(settings, count))
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
