"""Weights of classifiers: out of a checkpoint of any usual form, or what the builder's library publishes.

No code from a checkpoint is ever run.
"""

import itertools
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from dfnas.classifiers.builders import build, timm_model
from dfnas.classifiers.metadata import timm_name, torchvision_entry
from dfnas.classifiers.names import TORCHSCRIPT, is_published, parse_builder
from dfnas.runtime.errors import InputError, reason
from dfnas.runtime.files import existing, load_archive
from dfnas.runtime.packages import required
from dfnas.runtime.paths import expanded
from dfnas.settings.teacher import TeacherSettings

NESTINGS = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
PREFIXES = ("module.", "_orig_mod.", "model.")


def weights_file(weights: str) -> Path | None:
    """The file that `weights` names, its environment variables and `~` replaced; None for published weights."""
    return None if is_published(weights) else Path(expanded(weights, "weights"))


def read_weights(settings: TeacherSettings, section: str = "teacher") -> dict[str, torch.Tensor]:
    """The weights of a section's classifier; for a TorchScript file its bytes, under the name `torchscript`.

    Raises:
        InputError: no weights are given, or they cannot be had, or hold what they should not.
    """
    if settings.weights is None:
        raise InputError(f"no checkpoint given; set {section}.weights (--weights)")
    path = weights_file(settings.weights)
    if path is None:
        return _published(settings, section)
    if settings.builder == TORCHSCRIPT:
        return {TORCHSCRIPT: torch.frombuffer(bytearray(existing(path).read_bytes()), dtype=torch.uint8)}
    if _is_torchscript(path):
        raise InputError(
            f"{path} is a TorchScript file, which is a network of its own; set {section}.builder: torchscript"
        )
    return find_state_dict(_checkpoint(path), str(path))


def _checkpoint(path: Path) -> Any:
    if path.suffix != ".safetensors":
        return load_archive(path, "get it again")
    safetensors = required("safetensors.torch", "timm", str(path))
    try:
        return safetensors.load_file(existing(path))
    except InputError:
        raise
    except Exception as error:  # what the broken bytes lead it to
        raise InputError(f"{path} is damaged or not a safetensors file: {error}; get it again") from error


def _is_torchscript(path: Path) -> bool:
    path = existing(path)
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except Exception:  # whatever the broken bytes lead it to, which the reader of checkpoints says better
        return False


def _published(settings: TeacherSettings, section: str) -> dict[str, torch.Tensor]:
    """What the library publishes for a model; for a callable or a hub what the network comes with."""
    builder = parse_builder(settings.builder)
    if builder.kind == TORCHSCRIPT:
        raise InputError(f"{section}.weights: with builder torchscript it must be the TorchScript file")
    if builder.kind in ("object", "hub"):
        return build(settings.builder, settings.arguments, section).state_dict()
    try:
        if builder.kind == "torchvision":
            entry = torchvision_entry(builder.name, settings.weights)
            return find_state_dict(entry.get_state_dict(progress=False, check_hash=True, weights_only=True), entry.url)
        name = timm_name(builder, settings.weights)
        network = timm_model(name, True, settings.arguments)
    except InputError as error:
        raise InputError(f"{section}: {error}") from error
    except Exception as error:  # whatever the library, the network or the bytes that it brought lead to
        raise InputError(
            f"{section}.weights = '{settings.weights}' for {settings.builder} cannot be had: {reason(error)}; "
            "get the file elsewhere and set weights to its path"
        ) from error
    trained = network.pretrained_cfg.get("num_classes")
    if trained != network.num_classes:
        raise InputError(
            f"{section}.weights = '{settings.weights}': {name} is published with {trained} classes, and with "
            f"{network.num_classes} its classifier would be untrained; leave num_classes out"
        )
    return network.state_dict()


def find_state_dict(checkpoint: Any, where: str) -> dict[str, torch.Tensor]:
    """The weights inside a checkpoint, whatever it nests them in.

    Raises:
        InputError: there is no mapping of names to tensors inside.
    """
    found = checkpoint
    while isinstance(found, Mapping):
        inner = next((found[key] for key in NESTINGS if isinstance(found.get(key), Mapping)), None)
        if inner is None:
            break
        found = inner
    if not (isinstance(found, Mapping) and any(isinstance(v, torch.Tensor) for v in found.values())):
        raise InputError(f"{where} holds no weights: expected a state dict, bare or under one of {', '.join(NESTINGS)}")
    return {str(k): v for k, v in found.items() if isinstance(v, torch.Tensor)}


def without_wrappers(state: Mapping[str, torch.Tensor], expected: Iterable[str]) -> dict[str, torch.Tensor]:
    """The weights without the prefixes that wrappers add to every name and that the network itself does not have."""
    expected, state = list(expected), dict(state)
    for prefix in itertools.chain.from_iterable(itertools.repeat(PREFIXES, len(PREFIXES))):
        if all(name.startswith(prefix) for name in state) and not all(name.startswith(prefix) for name in expected):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state
