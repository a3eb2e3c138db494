"""strengths.json: how strong a search found every option of every choice."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ConfigDict

from dfnas.artifacts.document import Document, Number
from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import write_json
from dfnas.spaces.space import Space


class Strengths(Document):
    """The strengths by choice and option, beside the provenance."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, Number]]

    provenance: dict[str, Any]


def write_strengths(
    path: Path, space: Space, strengths: Mapping[str, torch.Tensor], provenance: Mapping[str, Any]
) -> None:
    """Writes for each choice the strength of each option, to six significant digits, and the search's provenance.

    Args:
        strengths: (O,) for each choice, in the order of its options.
    """
    named = {choice: zip(options, strengths[choice].tolist(), strict=True) for choice, options in space.choices.items()}
    rounded = {choice: {option: float(f"{s:.6g}") for option, s in each} for choice, each in named.items()}
    write_json(path, rounded | {"provenance": dict(provenance)})  # the choices first, for those who read it


def read_strengths(path: Path, space: Space) -> dict[str, dict[str, float]]:
    """Reads what `write_strengths` wrote. Raises InputError, see `Document.read`, also unless there is one strength
    for every option of the space."""
    strengths = Strengths.read(path).__pydantic_extra__
    for choice, options in space.choices.items():
        if tuple(strengths.get(choice, ())) != tuple(options):
            expected = f"'{choice}' must have a strength for each of {', '.join(options)}"
            raise InputError(f"{path}: {expected}; {rebuild(path)}")
    return {choice: strengths[choice] for choice in space.choices}
