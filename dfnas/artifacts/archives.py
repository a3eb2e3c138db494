"""What the archives of teachers and of trained networks have in common: their kind, their parts and their weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import load_archive

TEACHER, NETWORK = "dfnas teacher 1", "dfnas network 1"


def kind_of(path: Path) -> str:
    """TEACHER or NETWORK. Raises InputError for anything else."""
    archive = load_archive(path)
    kind = archive.get("kind") if isinstance(archive, Mapping) else None
    if kind not in (TEACHER, NETWORK):
        raise InputError(f"{path} is neither a teacher nor a trained network of dfnas")
    return str(kind)


def load_parts(path: Path, kind: str, *parts: str) -> dict[str, Any]:
    """The parts of an archive of that kind: `state`, its weights, and those named.

    Raises:
        InputError: the file is absent, damaged, of another kind, or lacks a part.
    """
    archive = load_archive(path)
    if not isinstance(archive, Mapping) or archive.get("kind") != kind:
        raise InputError(f"{path} is not a '{kind}' file; {rebuild(path)}")
    for part in ("state", *parts):
        if not isinstance(archive.get(part), Mapping):
            raise InputError(f"{path} has no '{part}'; {rebuild(path)}")
    if not all(isinstance(value, torch.Tensor) for value in archive["state"].values()):
        raise InputError(f"{path} has weights that are no tensors; {rebuild(path)}")
    return dict(archive)


def weights_of(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights as an archive keeps them: on the CPU, each on its own."""
    return {name: value.detach().cpu().contiguous() for name, value in state.items()}
