"""What a network has to fit, as options of a stage that is given no images to see it from."""

import argparse
import json

from dfnas.settings.base import as_size
from dfnas.spaces.space import Task
from dfnas.stages.command import Stage
from dfnas.stages.numbers import count


def _size(text: str) -> tuple[int, int]:
    try:
        return as_size(json.loads(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


def add_task_arguments(stage: Stage, required: bool = True) -> None:
    """Adds `--channels`, `--size` and `--classes`; not `required` where images can be given instead."""
    stage.argument("--channels", type=count, required=required, metavar="N", help="channels of an image")
    stage.argument(
        "--size", type=_size, required=required, metavar="SIZE", help="pixels of an image: a side or [height, width]"
    )
    stage.argument("--classes", type=count, required=required, metavar="N", help="number of classes")


def task_of(options: argparse.Namespace) -> Task:
    """The task that those options describe."""
    return Task(options.channels, options.size, options.classes)
