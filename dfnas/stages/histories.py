"""What a run leaves beside its result: its history and its cost."""

from pathlib import Path
from typing import Any

import torch

from dfnas.runtime.device import device_name
from dfnas.runtime.files import write_csv, write_json
from dfnas.runtime.resumable import Cost, Row


def write_history(path: Path, history: list[Row]) -> None:
    """Writes one line per row; the columns are those of all rows, in the order of their first appearance. Numbers
    keep six significant digits."""
    columns = list(dict.fromkeys(name for row in history for name in row))
    rows = [{name: f"{v:.6g}" if isinstance(v, float) else v for name, v in row.items()} for row in history]
    write_csv(path, columns, rows)


def write_timing(
    path: Path, stage: str, run: dict[str, str | int], cost: Cost, device: torch.device, provenance: dict[str, Any]
) -> None:
    """Writes the seconds and, where they can be read, joules that a stage, `search` or `retrain`, took for a run, with
    what tells it from others, and its provenance."""
    machine = {"device": str(device), "device_name": device_name(device)}
    joules = {part: round(value, 1) for part, value in cost.joules.items()}
    times = {"seconds": round(cost.seconds, 3), "joules": joules}
    write_json(path, {"stage": stage, "run": run, **times, **machine, "provenance": provenance})
