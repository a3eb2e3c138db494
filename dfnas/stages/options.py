"""Options that several stages have: numbers, sections as JSON, a task, a teacher that labels, a latency table."""

import argparse
import json
from pathlib import Path
from typing import Any

from dfnas.artifacts.latency_table import load_latency_table
from dfnas.artifacts.teacher import load_teacher
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.class_order import check_class_names
from dfnas.dataset.images import ImageSet
from dfnas.dataset.relabelling import relabelled
from dfnas.runtime.errors import InputError
from dfnas.search.budget import Budget
from dfnas.settings.base import LARGEST, as_size
from dfnas.settings.labelling import LabelSettings
from dfnas.settings.search import BudgetSettings, SpaceSettings
from dfnas.spaces.costs import CostTable
from dfnas.spaces.space import Space, Task
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

# As `argparse` takes them: what is none is told beside the option's name.


def count(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number, 1 or more")
    return int(text)


def seed(text: str) -> int:
    """A whole number that every artifact can hold."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number") from None
    if abs(value) >= LARGEST:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of less than 64 bits")
    return value


def size(text: str) -> tuple[int, int]:
    """(height, width) of an image, from one side or [height, width]."""
    try:
        return as_size(json.loads(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


def section(text: str) -> dict[str, Any]:
    """A section of the configuration, written as JSON."""
    try:
        return parsed(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parsed(text: str, option: str = "") -> dict[str, Any]:
    """The section that a text means.

    Args:
        option: it is the value of, for the complaint.

    Raises:
        InputError: it is no JSON, or no object.
    """
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{option} is not JSON: {error}".lstrip()) from error
    if not isinstance(values, dict):
        raise InputError(f"{option} is {type(values).__name__} in JSON; expected an object, {{...}}".lstrip())
    return values


def add_task(stage: Stage[Any], required: bool = True) -> None:
    """Adds what a network has to fit: `--channels`, `--size` and `--classes`; not `required` where images can be given
    instead."""
    stage.argument("--channels", type=count, required=required, metavar="N", help="channels of an image")
    stage.argument(
        "--size", type=size, required=required, metavar="SIZE", help="pixels of an image: a side or [height, width]"
    )
    stage.argument("--classes", type=count, required=required, metavar="N", help="number of classes")


def task_of(options: argparse.Namespace) -> Task:
    """The task that those options describe."""
    return Task(options.channels, options.size, options.classes)


def add_teacher(stage: Stage[Any]) -> None:
    """Adds `--teacher`, which a stage may be told to ask for labels."""
    stage.argument("--teacher", type=Path, metavar="FILE", help="the teacher, where labels are asked of it")


def with_labels(
    job: Job[Any], settings: LabelSettings, *parts: ImageSet
) -> tuple[tuple[ImageSet, ...], Teacher | None]:
    """Images of `--dataset` with the labels that the settings ask for, as far as these are not of views; and the
    teacher, where the labels are its. The job then runs its code.

    Raises:
        InputError: none is given then, a file that is none, or one whose classes or task are not those of the data.
    """
    if not settings.asks_teacher:
        return parts, None
    if job.options.teacher is None:
        raise InputError(
            f"labels = {settings.labels} needs --teacher FILE, the teacher that is asked; or take labels = soft"
        )
    teacher = load_teacher(job.options.teacher, job.device)
    check_class_names(parts[0].class_names, job.options.dataset, teacher.spec.names(), job.options.teacher)
    job.reads(code=teacher.spec.code())
    return tuple(relabelled(part, teacher) for part in parts) if settings.labels == "once" else parts, teacher


def add_latency(stage: Stage[Any]) -> None:
    """Adds `--latency`, the file of the space's latency table."""
    stage.argument("--latency", type=Path, metavar="FILE", help="latency table, where the settings ask for it")


def latency_of(job: Job[Any], described: SpaceSettings, space: Space, needed: bool) -> CostTable | None:
    """The latency table of a space, where it is needed. Raises InputError where it is not given, or is another's."""
    path = job.options.latency
    if needed and path is None:
        raise InputError("the settings speak of milliseconds: give --latency, the table that measure_options makes")
    return load_latency_table(path, described, space) if needed else None


def checked_budget(space: Space, limits: BudgetSettings, latency: CostTable | None) -> Budget:
    """The budget of some limits. Raises InputError, see `Budget.check`."""
    budget = Budget(space, limits, latency)
    budget.check()
    return budget
