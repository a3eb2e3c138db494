"""The latency table of a space: which space was timed, where and how, and the milliseconds of every option.

What measures is not imported here: a search depends on the table, and not on the code that made it.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from dfnas.artifacts.document import Document, Number, Part, Whole
from dfnas.runtime.errors import InputError, rebuild
from dfnas.settings.search import SpaceSettings
from dfnas.spaces.costs import CostTable
from dfnas.spaces.space import Space

FORMAT: Literal[1] = 1


class WholeNetworks(Part):
    """Networks that were timed as a whole, beside what the table says of them."""

    measured_ms: list[Number]
    predicted_ms: list[Number]
    relative_error: Number


class LatencyTable(Document):
    """A latency table."""

    format: Literal[1]
    space: dict[str, Any]
    """`name` and `options`, as in a search's section."""
    task: dict[str, Any]
    """`channels`, `size` and `classes`."""
    fixed_ms: Number
    """Of what every network of the space has."""
    options_ms: dict[str, dict[str, Number]]
    """By choice and option."""
    device: str
    """By its name, as people know it."""
    threads: Whole
    batch_size: Whole
    distinct_options: Whole
    """Options that were timed; the others are like one of them."""
    spread: Number
    networks: WholeNetworks
    provenance: dict[str, Any]


def subject_of(settings: SpaceSettings, space: Space) -> dict[str, Any]:
    """Which space was timed: `space` and `task` of its table."""
    task = asdict(space.task)
    return {"space": settings.plain(), "task": task | {"size": list(task["size"])}}


def times_of(space: Space, table: CostTable) -> dict[str, Any]:
    """What the options take: `fixed_ms` and `options_ms` of the table."""
    options = {
        choice: {option: rounded(ms) for option, ms in zip(names, table.options[choice], strict=True)}
        for choice, names in space.choices.items()
    }
    return {"fixed_ms": rounded(table.fixed), "options_ms": options}


def rounded(value: float) -> float:
    """To six digits, far below what a clock can tell."""
    return float(f"{value:.6g}")


def load_latency_table(path: Path, settings: SpaceSettings, space: Space) -> CostTable:
    """The milliseconds of a space's options.

    Raises:
        InputError: not such a file, of another space or task, or without a time for every option.
    """
    table = LatencyTable.read(path)
    for key, expected in subject_of(settings, space).items():
        found = getattr(table, key)
        if found != expected:
            raise InputError(f"{path} is the latency table of another {key}, {found}; expected {expected}")
    for choice, options in space.choices.items():
        for option in options:
            if option not in table.options_ms.get(choice, {}):
                raise InputError(f"{path} has no 'options_ms.{choice}.{option}'; {rebuild(path)}")
    times = {
        choice: tuple(float(table.options_ms[choice][option]) for option in options)
        for choice, options in space.choices.items()
    }
    return CostTable(space.choices, float(table.fixed_ms), times)
