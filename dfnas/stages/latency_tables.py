"""The file of a space's latency table: which space was timed, where and how, and the milliseconds of every option.

{"format": 1, "space": {"name": "mbconv", "options": {…}}, "task": {"channels": 3, "size": [32, 32], "classes": 10},
 "device": "…", "threads": 1, "batch_size": 1, "fixed_ms": 1.9,
 "options_ms": {"stage1/block1": {"mbconv3_3x3": 0.21, …}, …}, "distinct_options": 71, "spread": 0.02,
 "networks": {"measured_ms": […], "predicted_ms": […], "relative_error": 0.03}, "provenance": {…}}
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dfnas.measure.option_latency import OptionLatency
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import read_json, write_json
from dfnas.settings.search import SpaceSettings
from dfnas.spaces.costs import CostTable
from dfnas.spaces.space import Space

FORMAT = 1
KEYS = ("format", "space", "task", "fixed_ms", "options_ms")


def write_latency_table(
    path: Path,
    settings: SpaceSettings,
    space: Space,
    found: OptionLatency,
    machine: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> None:
    """Writes what was measured.

    Args:
        machine: what the times are times of: device, threads, batch size.
    """
    options_ms = {
        choice: {option: _rounded(ms) for option, ms in zip(names, found.table.options[choice], strict=True)}
        for choice, names in space.choices.items()
    }
    networks = {
        "measured_ms": [_rounded(ms) for ms in found.network_ms],
        "predicted_ms": [_rounded(ms) for ms in found.predicted_ms],
        "relative_error": _rounded(found.relative_error),
    }
    table = {"fixed_ms": _rounded(found.table.fixed), "options_ms": options_ms}
    quality = {"distinct_options": found.distinct, "spread": _rounded(found.spread), "networks": networks}
    document = {"format": FORMAT, **_subject(settings, space), **machine, **table, **quality}
    write_json(path, document | {"provenance": dict(provenance)})


def load_latency_table(path: Path, settings: SpaceSettings, space: Space) -> CostTable:
    """The milliseconds of a space's options.

    Raises:
        InputError: not such a file, of another space or task, or without a time for every option.
    """
    document = read_json(path, KEYS)
    if document["format"] != FORMAT:
        raise InputError(f"{path} has format {document['format']!r}, expected {FORMAT}")
    for key, expected in _subject(settings, space).items():
        if document[key] != expected:
            raise InputError(f"{path} is the latency table of another {key}, {document[key]}; expected {expected}")
    try:
        options = {
            choice: tuple(float(document["options_ms"][choice][option]) for option in names)
            for choice, names in space.choices.items()
        }
        fixed = float(document["fixed_ms"])
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"{path} lacks the time of an option ({error}); delete it to rebuild it") from error
    if not all(map(math.isfinite, (fixed, *(ms for times in options.values() for ms in times)))):
        raise InputError(f"{path} has a time that is no number; delete it to rebuild it")
    return CostTable(space.choices, fixed, options)


def _subject(settings: SpaceSettings, space: Space) -> dict[str, Any]:
    """Which space was timed, as JSON has it."""
    task = asdict(space.task)
    return {"space": settings.plain(), "task": task | {"size": list(task["size"])}}


def _rounded(value: float) -> float:
    """To six digits, far below what a clock can tell."""
    return float(f"{value:.6g}")
