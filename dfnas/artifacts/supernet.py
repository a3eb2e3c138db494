"""The archive of a supernet: its weights, and the strengths of the options, as the search left both."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import load_archive, save_archive
from dfnas.spaces.space import Space


def save_supernet(
    path: Path, network: nn.Module, strengths: Mapping[str, torch.Tensor], provenance: Mapping[str, Any]
) -> None:
    """Writes a supernet.

    Args:
        strengths: (O,) for each choice, in the order of its options.
    """
    archive = {"state": network.state_dict(), "strengths": dict(strengths), "provenance": dict(provenance)}
    save_archive(path, archive)


def load_supernet(path: Path, space: Space, device: torch.device) -> nn.Module:
    """Reads a supernet, without a mixer.

    Raises:
        InputError: the file is absent, damaged, or not of a supernet of this space.
    """
    archive = load_archive(path)
    network = space.supernet()
    try:
        network.load_state_dict(archive["state"])
    except (RuntimeError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a supernet of the space that was searched; {rebuild(path)}") from error
    return network.to(device).to(memory_format=torch.channels_last)
