"""The archive of a trained supernet: its weights, the strengths of the options, and how its training went."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import load_archive, save_archive
from dfnas.runtime.placement import placed
from dfnas.runtime.resumable import Row
from dfnas.spaces.space import Space


class SupernetFile(NamedTuple):
    """What the archive holds."""

    network: nn.Module
    """Without a mixer."""
    strengths: dict[str, torch.Tensor]
    """(O,) for each choice, in the order of its options; empty where no option is weighed."""
    report: dict[str, bool | float | int | str]
    """How the training went."""
    history: list[Row]
    """Its course."""


def save_supernet(
    path: Path,
    network: nn.Module,
    strengths: Mapping[str, torch.Tensor],
    report: Mapping[str, bool | float | int | str],
    history: Sequence[Row],
    provenance: Mapping[str, Any],
) -> None:
    """Writes a supernet, see `SupernetFile`. Report and history are JSON: pickled rows have other bytes where some came
    from a checkpoint."""
    archive = {"state": network.state_dict(), "strengths": dict(strengths), "report": json.dumps(dict(report))}
    save_archive(path, archive | {"history": json.dumps(list(history)), "provenance": dict(provenance)})


def load_supernet(path: Path, space: Space, device: torch.device) -> SupernetFile:
    """Reads a supernet.

    Raises:
        InputError: the file is absent, damaged, or not of a supernet of this space.
    """
    archive = load_archive(path)
    network = space.supernet()
    try:
        network.load_state_dict(archive["state"])
        strengths, report, history = archive["strengths"], json.loads(archive["report"]), json.loads(archive["history"])
        fits = all(len(strengths[choice]) == len(options) for choice, options in space.choices.items() if strengths)
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a supernet of the space that is searched; {rebuild(path)}") from error
    if not fits:
        raise InputError(f"{path} has strengths of other options than the space that is searched; {rebuild(path)}")
    return SupernetFile(placed(network, device), strengths, report, history)
