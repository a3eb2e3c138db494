"""timing.json: what a search or a training took."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dfnas.artifacts.document import Document, Number, Whole
from dfnas.artifacts.identity import Identity
from dfnas.runtime.device import device_name
from dfnas.runtime.resumable import Cost


class Timing(Document):
    """What a stage took for a network."""

    stage: str
    """`supernet`, `search` or `retrain`."""
    run: dict[str, str | Whole]
    """Which network, by those names of `Identity` that are known when the stage runs."""
    seconds: Number
    joules: dict[str, Number]
    """By part of the machine, of those that can be read."""
    device: str
    device_name: str
    provenance: dict[str, Any]

    def is_of(self, network: Identity) -> bool:
        """Whether the stage worked for that network."""
        known = network._asdict()
        return all(known.get(name) == value for name, value in self.run.items())


def write_timing(
    path: Path,
    stage: str,
    run: Mapping[str, str | int],
    cost: Cost,
    device: torch.device,
    provenance: Mapping[str, Any],
) -> None:
    """Writes the cost of a stage; see `Timing` for `stage` and `run`."""
    Timing(
        stage=stage,
        run=dict(run),
        seconds=round(cost.seconds, 3),
        joules={part: round(value, 1) for part, value in cost.joules.items()},
        device=str(device),
        device_name=device_name(device),
        provenance=dict(provenance),
    ).write(path)
