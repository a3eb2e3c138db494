"""The file of a space's latency table: which space was timed, where and how, and the milliseconds of every option.

{"format": 1, "space": {"name": "mbconv", "options": {…}}, "task": {"channels": 3, "size": [32, 32], "classes": 10},
 "fixed_ms": 1.9, "options_ms": {"stage1/block1": {"mbconv3_3x3": 0.21, …}, …},
 "device": "…", "threads": 1, "batch_size": 1, "distinct_options": 71, "spread": 0.02,
 "networks": {"measured_ms": […], "predicted_ms": […], "relative_error": 0.03}, "provenance": {…}}

What measures is not imported here: a search depends on the table, and not on the code that made it.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import check_kinds, read_json, write_json
from dfnas.settings.search import SpaceSettings
from dfnas.spaces.costs import CostTable
from dfnas.spaces.space import Space

FORMAT = 1
KINDS = {"format": int, "space": dict, "task": dict, "fixed_ms": float, "options_ms": dict}


def write_latency_table(
    path: Path, settings: SpaceSettings, space: Space, table: CostTable, about: Mapping[str, Any]
) -> None:
    """Writes a table, with what else there is to say of it.

    Args:
        about: where and how it was measured, how good it is, and what determined it.
    """
    options_ms = {
        choice: {option: rounded(ms) for option, ms in zip(names, table.options[choice], strict=True)}
        for choice, names in space.choices.items()
    }
    times = {"fixed_ms": rounded(table.fixed), "options_ms": options_ms}
    write_json(path, {"format": FORMAT, **_subject(settings, space), **times, **about})


def load_latency_table(path: Path, settings: SpaceSettings, space: Space) -> CostTable:
    """The milliseconds of a space's options.

    Raises:
        InputError: not such a file, of another space or task, or without a time for every option.
    """
    document = read_json(path, KINDS)
    if document["format"] != FORMAT:
        raise InputError(f"{path} has format {document['format']!r}, expected {FORMAT}; {rebuild(path)}")
    for key, expected in _subject(settings, space).items():
        if document[key] != expected:
            raise InputError(f"{path} is the latency table of another {key}, {document[key]}; expected {expected}")
    options_ms = document["options_ms"]
    kinds = {choice: dict.fromkeys(names, float) for choice, names in space.choices.items()}
    check_kinds(path, options_ms, kinds, "options_ms")
    options = {c: tuple(float(options_ms[c][option]) for option in names) for c, names in space.choices.items()}
    return CostTable(space.choices, float(document["fixed_ms"]), options)


def _subject(settings: SpaceSettings, space: Space) -> dict[str, Any]:
    """Which space was timed, as JSON has it."""
    task = asdict(space.task)
    return {"space": settings.plain(), "task": task | {"size": list(task["size"])}}


def rounded(value: float) -> float:
    """To six digits, far below what a clock can tell."""
    return float(f"{value:.6g}")
