"""Teachers and trained networks on disk: one archive format for both, read by the same check."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dfnas.classifiers.assembly import assemble
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.errors import InputError, reason, rebuild
from dfnas.runtime.files import load_archive, save_archive
from dfnas.spaces.architecture import build
from dfnas.spaces.space import Space

TEACHER, NETWORK = "dfnas teacher 1", "dfnas network 1"
PARTS = {
    TEACHER: ("spec", "state", "provenance"),
    NETWORK: ("architecture", "state", "normalisation", "provenance"),
}
"""What each of them holds."""


def save_teacher(path: Path, spec: TeacherSpec, state: Mapping[str, torch.Tensor], provenance: Mapping) -> None:
    """Writes a teacher: what builds it, its weights, and where they came from."""
    state = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    save_archive(path, {"kind": TEACHER, "spec": spec.as_dict(), "state": state, "provenance": dict(provenance)})


def load_teacher(path: Path, device: torch.device) -> Teacher:
    """Reads and checks a teacher.

    Raises:
        InputError: the file is absent, damaged, not a teacher, or its weights are unfit.
    """
    archive = _archive(path, TEACHER)
    return assemble(_spec(archive, path), archive["state"], str(path)).to(device)


def teacher_spec(path: Path) -> TeacherSpec:
    """What a teacher is, without building it. Raises InputError, see `load_teacher`."""
    return _spec(_archive(path, TEACHER), path)


def teacher_provenance(path: Path) -> dict[str, Any]:
    """What determined a teacher. Raises InputError, see `load_teacher`."""
    return _archive(path, TEACHER)["provenance"]


def load_beside(role: str, path: Path, teacher: Teacher, device: torch.device) -> Teacher:
    """Reads a second network, a verifier or competitor. Raises InputError unless it has the teacher's task."""
    network = load_teacher(path, device)
    for name in ("classes", "channels", "size"):
        theirs, ours = getattr(network.spec, name), getattr(teacher.spec, name)
        if theirs != ours:
            raise InputError(f"{path}: {role}.{name} is {theirs}, expected that of the teacher, {ours}")
    return network


def check_fits(shard: Path, images: torch.Tensor, aims: torch.Tensor, teacher: Teacher) -> None:
    """Raises InputError unless images (N, C, H, W) of a shard, and their aims (N, K), are of the teacher's task."""
    spec = teacher.spec
    if aims.shape[1] != spec.classes or images.shape[1] != spec.channels:
        raise InputError(
            f"{shard} has {images.shape[1]} channels and {aims.shape[1]} classes, but the teacher has "
            f"{spec.channels} and {spec.classes}; it was made from another teacher"
        )
    if any(side < least for side, least in zip(images.shape[2:], spec.size, strict=True)):
        raise InputError(
            f"{shard} has images of {tuple(images.shape[2:])}, but the teacher sees {spec.size}; "
            "it was made from another teacher"
        )


def save_network(
    path: Path, architecture: Mapping[str, Any], network: nn.Module, normalisation: Mapping, provenance: Mapping
) -> None:
    """Writes a trained network with its architecture and the normalisation of its input."""
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    parts = {"architecture": dict(architecture), "state": state, "normalisation": dict(normalisation)}
    save_archive(path, {"kind": NETWORK, **parts, "provenance": dict(provenance)})


def load_network(path: Path, device: torch.device) -> tuple[nn.Module, dict[str, Any]]:
    """Reads a trained network, in evaluation mode, and what was written with it.

    Raises:
        InputError: the file is absent, damaged, or not a network of ours.
    """
    archive = _archive(path, NETWORK)
    network = build(archive["architecture"], str(path))
    try:
        network.load_state_dict(archive["state"])
    except RuntimeError as error:
        raise InputError(f"{path}: its weights do not fit its architecture; {rebuild(path)}") from error
    return network.to(device, memory_format=torch.channels_last).eval(), archive


def network_provenance(path: Path) -> dict[str, Any]:
    """What determined a trained network, and its validation error. Raises InputError, see `load_network`."""
    return _archive(path, NETWORK)["provenance"]


def load_supernet(path: Path, space: Space, device: torch.device) -> nn.Module:
    """Reads the supernet that a search left, without a mixer.

    Raises:
        InputError: the file is absent, damaged, or not of a supernet of this space.
    """
    archive = load_archive(path)
    network = space.supernet()
    try:
        network.load_state_dict(archive["state"])
    except (RuntimeError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a supernet of the space that was searched; {rebuild(path)}") from error
    return network.to(device, memory_format=torch.channels_last)


def kind_of(path: Path) -> str:
    """TEACHER or NETWORK. Raises InputError for anything else."""
    archive = load_archive(path)
    kind = archive.get("kind") if isinstance(archive, Mapping) else None
    if kind not in (TEACHER, NETWORK):
        raise InputError(f"{path} is neither a teacher nor a trained network of dfnas")
    return kind


def _spec(archive: Mapping[str, Any], path: Path) -> TeacherSpec:
    try:
        return TeacherSpec.from_dict(archive["spec"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} does not describe a teacher ({reason(error)}); {rebuild(path)}") from error


def _archive(path: Path, kind: str) -> dict[str, Any]:
    archive = load_archive(path)
    if not isinstance(archive, Mapping) or archive.get("kind") != kind:
        raise InputError(f"{path} is not a '{kind}' file; {rebuild(path)}")
    for part in PARTS[kind]:
        if not isinstance(archive.get(part), Mapping):
            raise InputError(f"{path} has no '{part}'; {rebuild(path)}")
    if not all(isinstance(value, torch.Tensor) for value in archive["state"].values()):
        raise InputError(f"{path} has weights that are no tensors; {rebuild(path)}")
    return dict(archive)
