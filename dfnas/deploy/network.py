"""A trained network with all that it takes to use it, in one safetensors file.

The file holds the weights and, as JSON under the one key `dfnas` of its metadata, what they are weights of:

{"format": 1, "architecture": {…}, "normalisation": {"mean": […], "std": […]}, "class_names": […],
 "provenance": {…}, "sha256": "…"}

One key, because safetensors writes several in an order of its own, another in every process.

Shapes: B batch, C channels, H W input, K classes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dfnas.runtime.errors import InputError, reason, rebuild
from dfnas.runtime.files import existing
from dfnas.runtime.packages import required
from dfnas.spaces.architecture import space_of

FORMAT = 1
KEY = "dfnas"
PARTS = ("format", "architecture", "normalisation", "class_names", "provenance", "sha256")


class DeployedNetwork(nn.Module):
    """A frozen classifier in evaluation mode: pixels in [0, 1], (B, C, H, W) float, to logits (B, K).

    Attributes:
        class_names: of the K classes.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float], class_names: Sequence[str]):
        super().__init__()
        self.network = network
        self.class_names = tuple(class_names)
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))  # (1, C, 1, 1)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))
        self.eval().requires_grad_(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if not images.is_floating_point():
            raise ValueError(f"the images are {images.dtype}; expected floats in [0, 1]: divide bytes by 255")
        return self.network((images - self.mean) / self.std)


def load(path: str | Path, device: torch.device | str = "cpu") -> DeployedNetwork:
    """Reads a network that `to_bytes` made.

    Raises:
        InputError: no such file, damaged, or not a network of ours.
    """
    return from_bytes(existing(path).read_bytes(), str(path)).to(device)


def to_bytes(
    network: nn.Module,
    architecture: Mapping[str, Any],
    normalisation: Mapping[str, Sequence[float]],
    class_names: Sequence[str],
    provenance: Mapping[str, Any],
) -> bytes:
    """The file of a network: the same bytes for the same network.

    Args:
        network: as `Space.deployed` gives it.
        architecture: its document, see `dfnas.spaces.architecture`.
        normalisation: `mean` and `std` of the channels of pixels in [0, 1].
    """
    save = required("safetensors.torch", "deploy", "a network to deploy").save
    state = network.state_dict()
    # Copied, since the format refuses weights that share memory.
    state = {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}
    description = {
        "format": FORMAT,
        "architecture": dict(architecture),
        "normalisation": dict(normalisation),
        "class_names": list(class_names),
        "provenance": dict(provenance),
    }
    description = json.loads(json.dumps(description, allow_nan=False))  # as it will be read
    description["sha256"] = _digest(state, description)
    return save(state, {KEY: json.dumps(description, ensure_ascii=False)})


def from_bytes(content: bytes, where: str = "the network") -> DeployedNetwork:
    """The network of a file. Raises InputError, see `load`."""
    return assembled(*read(content, where), where)


def assembled(state: Mapping[str, torch.Tensor], description: Mapping[str, Any], where: str) -> DeployedNetwork:
    """The network of weights and their description, as `read` gives them. Raises InputError where they do not fit."""
    space = space_of(description["architecture"], where)
    network = space.deployed(space.network(description["architecture"]["choices"]))
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"{where}: its weights do not fit its architecture; {_again(where)}") from error
    return DeployedNetwork(network, **description["normalisation"], class_names=description["class_names"])


def read(content: bytes, where: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The weights in a file, and their description. Raises InputError, see `load`."""
    load_tensors = required("safetensors.torch", "deploy", where).load
    try:
        state = load_tensors(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except Exception as error:  # what the broken bytes lead it to
        raise InputError(f"{where} is damaged or not a safetensors file: {reason(error)}; {_again(where)}") from error
    try:
        description = json.loads(header["__metadata__"][KEY])
        missing = [part for part in PARTS if part not in description]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        story = f"{where} is not a network of dfnas: its metadata do not describe one"
        raise InputError(f"{story}; {_again(where)}") from error
    if missing or description["format"] != FORMAT:
        story = f"lacks '{missing[0]}'" if missing else f"has format {description['format']!r}, expected {FORMAT}"
        raise InputError(f"{where} {story}; export the network again, or {rebuild(where)}")
    if _digest(state, description) != description["sha256"]:
        raise InputError(f"{where} is damaged: what it holds is not what was written; {_again(where)}")
    return state, description


def _again(where: str) -> str:
    return f"get it again, or {rebuild(where)}"


def _digest(state: Mapping[str, torch.Tensor], description: Mapping[str, Any]) -> str:
    """SHA-256 of weights, with their names, types and shapes, and of a description but for its own digest. The format
    has no checksum."""
    said = {part: value for part, value in description.items() if part != "sha256"}
    total = hashlib.sha256(json.dumps(said).encode())
    for name, value in sorted(state.items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        total.update(value.numpy().tobytes())
    return total.hexdigest()
