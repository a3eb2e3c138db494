"""Weights of classifiers: out of a checkpoint of any usual form, or what the builder's library publishes."""

from typing import Any

import torch

from dfnas.classifiers.builders import build, timm_model
from dfnas.classifiers.checkpoints import is_torchscript, read_checkpoint
from dfnas.classifiers.fitting import taking, tell
from dfnas.classifiers.metadata import timm_name, torchvision_entry
from dfnas.classifiers.names import TORCHSCRIPT, parse_builder
from dfnas.classifiers.state_dicts import choose
from dfnas.runtime.errors import InputError, reason
from dfnas.runtime.files import existing
from dfnas.settings.teacher import TeacherSettings


def read_weights(settings: TeacherSettings, section: str = "teacher") -> dict[str, torch.Tensor]:
    """The weights of a section's classifier; for a TorchScript file its bytes, under the name `torchscript`.

    Raises:
        InputError: no weights are given, or they cannot be had, or hold what they should not.
    """
    if settings.weights is None:
        raise InputError(f"no checkpoint given; set {section}.weights (--weights)")
    path = settings.file()
    if path is None:
        return _published(settings, section)
    if settings.builder == TORCHSCRIPT:
        return {TORCHSCRIPT: torch.frombuffer(bytearray(existing(path).read_bytes()), dtype=torch.uint8)}
    if is_torchscript(path):
        raise InputError(
            f"{path} is a TorchScript file, which is a network of its own; set {section}.builder: torchscript"
        )
    return find_state_dict(read_checkpoint(path), str(path), settings.weights_key, section)


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
            assert entry is not None, "published weights have an entry"
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
    published: Any = network.pretrained_cfg
    trained = published.get("num_classes")
    if trained != network.num_classes:
        raise InputError(
            f"{section}.weights = '{settings.weights}': {name} is published with {trained} classes, and with "
            f"{network.num_classes} its classifier would be untrained; leave num_classes out"
        )
    return network.state_dict()


def find_state_dict(
    checkpoint: Any, where: str, key: str | None = None, section: str = "teacher"
) -> dict[str, torch.Tensor]:
    """The weights inside a checkpoint, whatever it nests them in; see `state_dicts.choose`. Says on standard error what
    else might have been meant.

    Raises:
        InputError: none are there, or nothing tells which are meant.
    """
    taken, others = choose(checkpoint, where, key, section)
    if taken.model:
        tell(f"{where}: takes the weights of a pickled {taken.model}, and runs no code of it")
    if others:
        tell(taking(where, taken.described(), others, section))
    return taken.tensors
