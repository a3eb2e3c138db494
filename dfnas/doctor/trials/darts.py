"""The trial of DARTS."""

from collections.abc import Callable, Sequence
from typing import Any

from dfnas.doctor.bench import Bench, bytes_of
from dfnas.doctor.trials.cost import JobCost, of_batch
from dfnas.measure.accuracy import logits_of
from dfnas.runtime.seeds import python_random
from dfnas.search.darts import DartsSearch
from dfnas.spaces.space import ABSENT


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
        latest = tried = search if count == settings.batch_size else DartsSearch(context, of_batch(settings, count))
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
