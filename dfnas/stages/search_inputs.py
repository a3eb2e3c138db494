"""What a search stands on: options of the stages that search, and what is loaded of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfnas.artifacts.supernet import load_supernet
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.images import ImageSet, load_split
from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.processes import ALONE, Processes
from dfnas.runtime.resumable import Row
from dfnas.search.algorithm import Search, supernet_of
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.search.supernet import Trained
from dfnas.settings.search import SearchSettings
from dfnas.spaces import names
from dfnas.spaces.costs import CostTable
from dfnas.spaces.registry import make
from dfnas.spaces.space import Space, Task
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import add_latency, add_task, add_teacher, latency_of, seed, task_of, with_labels

TASK = ("channels", "size", "classes")


@dataclass(frozen=True)
class SearchInputs:
    """What a search stands on, loaded.

    Attributes:
        images: training and held-out images, of those that look at any.
        supernet: the trained one, where it is trained apart, and `history`, the course of its training.
    """

    algorithm: type[Search]
    seed: int
    space: Space
    images: tuple[ImageSet, ImageSet] | None = None
    supernet: Trained | None = None
    history: tuple[Row, ...] = ()
    latency: CostTable | None = None
    teacher: Teacher | None = None
    processes: Processes = ALONE

    def start(self, settings: SearchSettings, budget: Budget) -> Search:
        """The search under a budget, before its first step."""
        supernet = () if self.supernet is None else (self.supernet,)
        if reads_strengths(self.algorithm):
            return self.algorithm(budget, settings, *supernet, self.seed)
        if not settings.looks_at_images:
            return self.algorithm(budget, settings, *supernet)
        assert self.images is not None, "a search that looks at images"
        context = SearchContext(self.space, *self.images, self.seed, budget, self.teacher, self.latency, self.processes)
        return self.algorithm(context, settings, *supernet)


def draws(algorithm: type[Search]) -> Callable[[Budget, int, Any], dict[str, str]] | None:
    """What gives an architecture without looking at data, where an algorithm can do that: of a budget, a seed and its
    settings."""
    found: Callable[[Budget, int, Any], dict[str, str]] | None = getattr(algorithm, "without_data", None)
    return found


def reads_strengths(algorithm: type[Search]) -> bool:
    """Whether an algorithm is a `dfnas.search.derivation.Derivation`. Asked so, and not by its class: whatever imports
    that would be made anew with every edit of the evolution."""
    return bool(getattr(algorithm, "reads_strengths", False))


def add_search_inputs(stage: Stage[Any], algorithm: type[Search]) -> None:
    """Adds the options, as far as an algorithm needs them."""
    derives, can_draw = reads_strengths(algorithm), draws(algorithm) is not None
    if not derives:
        needed = not can_draw
        stage.argument("--dataset", type=Path, required=needed, metavar="FILE", help="the data set to search on")
        add_teacher(stage)
    if supernet_of(algorithm) is not None:
        stage.argument("--supernet", type=Path, required=True, metavar="FILE", help="the trained supernet")
    if derives or can_draw:
        add_task(stage, required=derives)
    stage.argument("--seed", type=seed, required=True, metavar="N", help="seed of the run")
    add_latency(stage)


def load_search_inputs(job: Job[Any], algorithm: type[Search], milliseconds: bool) -> SearchInputs:
    """What the job's options name.

    Args:
        milliseconds: whether the space's latency table is needed.

    Raises:
        InputError: an option is missing, or a file is not what it should be.
    """
    options, settings = job.options, job.settings
    job.reads(code=[names.reference(settings.space.name)])
    images, teacher = None, None
    if settings.looks_at_images:
        _ask_for(options, ("dataset",), "on data")
        train, held_out = (load_split(options.dataset, split, job.device) for split in ("train", "validation"))
        if settings.asks_teacher_itself:
            (train, held_out), teacher = with_labels(job, settings, train, held_out)
        images, task = (train, held_out), Task(train.channels, train.size, train.classes)
    else:
        _ask_for(options, TASK, "without data")
        task = task_of(options)
    space = make(settings.space.name, task, settings.space.options)
    latency = latency_of(job, settings.space, space, milliseconds)
    supernet, history = None, tuple[Row, ...]()
    if supernet_of(algorithm) is not None:
        found = load_supernet(options.supernet, space, job.device)
        if bool(found.strengths) != reads_strengths(algorithm):
            raise InputError(f"{options.supernet} was trained for another algorithm; {rebuild(options.supernet)}")
        supernet, history = Trained(found.network, found.strengths, found.report), tuple(found.history)
    return SearchInputs(algorithm, options.seed, space, images, supernet, history, latency, teacher, job.processes)


def _ask_for(options: Any, needed: tuple[str, ...], how: str) -> None:
    missing = [f"--{name.replace('_', '-')}" for name in needed if getattr(options, name, None) is None]
    if missing:
        raise InputError(f"a search {how} needs {', '.join(missing)}")
