"""The archive of a teacher: what builds it, its weights, and where they came from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dfnas.artifacts.archives import TEACHER, load_parts, weights_of
from dfnas.artifacts.provenance import Provenance
from dfnas.classifiers.assembly import assemble
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.errors import InputError, reason, rebuild
from dfnas.runtime.files import save_archive

PARTS = ("spec", "provenance")


def save_teacher(
    path: Path, spec: TeacherSpec, state: Mapping[str, torch.Tensor], provenance: Mapping[str, Any]
) -> None:
    """Writes a teacher."""
    parts = {"spec": spec.as_dict(), "state": weights_of(state), "provenance": dict(provenance)}
    save_archive(path, {"kind": TEACHER, **parts})


def load_teacher(path: Path, device: torch.device) -> Teacher:
    """Reads and checks a teacher.

    Raises:
        InputError: the file is absent, damaged, not a teacher, or its weights are unfit.
    """
    archive = load_parts(path, TEACHER, *PARTS)
    return assemble(_spec(archive, path), archive["state"], str(path)).to(device)


def teacher_spec(path: Path) -> TeacherSpec:
    """What a teacher is, without building it. Raises InputError, see `load_teacher`."""
    return _spec(load_parts(path, TEACHER, *PARTS), path)


def teacher_provenance(path: Path) -> Provenance:
    """What made a teacher. Raises InputError, see `load_teacher`."""
    return Provenance.of(load_parts(path, TEACHER, *PARTS)["provenance"], path, "provenance")


def load_beside(role: str, path: Path, teacher: Teacher, device: torch.device) -> Teacher:
    """Reads a second network, a verifier or competitor. Raises InputError unless it has the teacher's task."""
    network = load_teacher(path, device)
    for name in ("classes", "channels", "size"):
        theirs, ours = getattr(network.spec, name), getattr(teacher.spec, name)
        if theirs != ours:
            raise InputError(f"{path}: {role}.{name} is {theirs}, expected that of the teacher, {ours}")
    return network


def _spec(archive: Mapping[str, Any], path: Path) -> TeacherSpec:
    try:
        return TeacherSpec.from_dict(archive["spec"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} does not describe a teacher ({reason(error)}); {rebuild(path)}") from error
