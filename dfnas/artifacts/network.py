"""The archive of a trained network: its architecture, its weights, the normalisation of its input, and how it was
trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from dfnas.artifacts.archives import NETWORK, load_parts, weights_of
from dfnas.artifacts.document import Number, Part
from dfnas.artifacts.identity import OfNetwork
from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import save_archive
from dfnas.spaces.architecture import build

PARTS = ("architecture", "normalisation", "provenance")


class Training(Part):
    """What a trained network has to say of how it was trained, within its provenance."""

    arguments: OfNetwork
    architecture_file: str
    """By its name in the folder of results."""
    validation_error: Number
    """Of the last epoch."""

    @property
    def seed(self) -> int:
        return self.arguments.seed


class TrainedNetwork(NamedTuple):
    """A trained network, and what was written with it."""

    network: nn.Module
    """In evaluation mode: normalised images (B, C, H, W) to logits (B, K)."""
    architecture: dict[str, Any]
    """Its document, see `dfnas.spaces.architecture`."""
    normalisation: dict[str, tuple[float, ...]]
    """`mean` and `std` of the channels of pixels in [0, 1]."""
    provenance: dict[str, Any]
    training: Training


def save_network(
    path: Path,
    architecture: Mapping[str, Any],
    network: nn.Module,
    normalisation: Mapping[str, tuple[float, ...]],
    provenance: Mapping[str, Any],
) -> None:
    """Writes a trained network.

    Args:
        provenance: of the job, with what `Training` has beside that.
    """
    parts = {"architecture": dict(architecture), "state": weights_of(network.state_dict())}
    parts |= {"normalisation": dict(normalisation), "provenance": dict(provenance)}
    save_archive(path, {"kind": NETWORK, **parts})


def load_network(path: Path, device: torch.device) -> TrainedNetwork:
    """Reads a trained network.

    Raises:
        InputError: the file is absent, damaged, or not a network of ours.
    """
    archive = load_parts(path, NETWORK, *PARTS)
    network = build(archive["architecture"], str(path))
    try:
        network.load_state_dict(archive["state"])
    except RuntimeError as error:
        raise InputError(f"{path}: its weights do not fit its architecture; {rebuild(path)}") from error
    network = network.to(device).to(memory_format=torch.channels_last).eval()
    provenance = archive["provenance"]
    training = Training.of(provenance, path, "provenance")
    return TrainedNetwork(network, archive["architecture"], archive["normalisation"], provenance, training)


def training_of(path: Path) -> Training:
    """How a network was trained. Raises InputError, see `load_network`."""
    return Training.of(load_parts(path, NETWORK, *PARTS)["provenance"], path, "provenance")
