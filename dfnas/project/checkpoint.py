"""What a checkpoint's own tensors say of its network, where no metadata do: classes, channels, and the sizes it takes.

Shapes: C channels, H W input, K classes.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from dfnas.classifiers.builders import build
from dfnas.classifiers.fitting import under_own_names
from dfnas.classifiers.materials import materialised
from dfnas.classifiers.names import TORCHSCRIPT, parse_builder
from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import load_object
from dfnas.settings.teacher import TeacherSettings

CLASSES = ("num_classes", "classes", "n_classes", "nb_classes", "num_labels", "n_class")
CHANNELS = ("in_chans", "in_channels", "channels", "num_channels", "input_channels", "n_channels")
"""What builders usually call their arguments of these."""
SIDES: tuple[int, ...] = tuple(range(8, 48, 4)) + tuple(range(48, 96, 8)) + tuple(range(96, 192, 16))
SIDES += (192, 224, 240, 256, 260, 288, 299, 300, 320, 331, 380, 384, 448, 456, 512)
"""Sides in pixels that are tried."""
USUAL = (224, 32, 299, 96, 28)
"""Sides at which a network is asked for what does not depend on its size."""
Weights = Mapping[str, torch.Tensor]


def fitting_arguments(settings: TeacherSettings, state: Weights, where: str) -> dict[str, Any]:
    """The builder's arguments, with the numbers of classes and channels that the weights have, where the builder has
    arguments of these names and was not given any.

    Raises:
        InputError: see `builders.build` and `fitting.under_own_names`.
    """
    named, given = _named_arguments(settings), dict(settings.arguments)
    open_ = {what: name for what, name in named.items() if name not in given}
    found = {open_[what]: value for what, value in _of_ends(state).items() if what in open_}
    required = _required(settings.builder)
    network = build(settings.builder, given | {name: found[name] for name in found if name in required})
    expected = network.state_dict()
    mine = under_own_names(state, expected, where, settings.builder)
    different = [
        (value.shape, expected[key].shape) for key, value in mine.items() if value.shape != expected[key].shape
    ]
    ends = {(theirs[0], ours[0]) for theirs, ours in different if theirs[1:] == ours[1:]}
    starts = {theirs[1] for theirs, ours in different if len(theirs) == 4 and theirs[1] != ours[1]}
    if len(ends) == 1 and "classes" in open_:
        given[open_["classes"]] = int(next(iter(ends))[0])
    if len(starts) == 1 and "channels" in open_:
        given[open_["channels"]] = int(next(iter(starts)))
    return given | {name: found[name] for name in found if name in required and name not in given}


def channels_of(state: Weights) -> int | None:
    """C of the first convolution among weights, in their order; None where there is none."""
    return next((int(value.shape[1]) for value in state.values() if value.ndim == 4 and value.shape[1] <= 16), None)


def only_side(network: Callable[[torch.Tensor], Any], channels: int, sides: Sequence[int] = SIDES) -> int | None:
    """The side of square images, of some, that a network takes; None where it takes several, or none."""
    taken: list[int] = []
    for side in sides:
        if _logits(network, channels, (side, side)) is not None:
            taken.append(side)
        if len(taken) > 1:
            return None
    return taken[0] if taken else None


def classes_of(network: Callable[[torch.Tensor], Any], channels: int, size: tuple[int, int] | None) -> int | None:
    """K of the logits that a network gives; None where it gives none."""
    for sides in [size] if size else [(side, side) for side in USUAL]:
        if (logits := _logits(network, channels, sides)) is not None:
            return int(logits.shape[1])
    return None


def built(settings: TeacherSettings, size: tuple[int, int], channels: int) -> nn.Module:
    """The builder's network in evaluation mode, with fresh weights. Raises InputError."""
    network = build(settings.builder, settings.arguments)
    return materialised(network, (2, channels, *size), f"--builder {settings.builder}").eval()


@torch.no_grad()
def _logits(network: Callable[[torch.Tensor], Any], channels: int, size: tuple[int, int]) -> torch.Tensor | None:
    try:
        logits = network(torch.full((2, channels, *size), 0.5))
    except Exception:  # a network of the user's: whatever an input that does not fit leads it to
        return None
    return logits if isinstance(logits, torch.Tensor) and logits.ndim == 2 else None


def _of_ends(state: Weights) -> dict[str, int]:
    """K by the last matrix of weights, C by the first convolution."""
    heads = [value for value in state.values() if value.ndim == 2 or (value.ndim == 4 and value.shape[2:] == (1, 1))]
    found = {"channels": channels_of(state), "classes": int(heads[-1].shape[0]) if heads else None}
    return {what: value for what, value in found.items() if value is not None}


def _parameters(builder: str) -> Mapping[str, inspect.Parameter]:
    parts = parse_builder(builder)
    if parts.kind != "object":
        return {}
    try:
        return inspect.signature(load_object(parts.name)).parameters
    except (TypeError, ValueError):  # it has none that can be read
        return {}


def _required(builder: str) -> set[str]:
    return {name for name, one in _parameters(builder).items() if one.default is one.empty}


def _named_arguments(settings: TeacherSettings) -> dict[str, str]:
    """What the builder calls the number of classes and of channels, as far as it is known."""
    kind = parse_builder(settings.builder).kind
    if kind == TORCHSCRIPT:
        raise InputError("a TorchScript file takes no arguments")
    known = {"torchvision": {"classes": "num_classes"}, "hub": {"classes": "num_classes"}}
    known["timm"] = {"classes": "num_classes", "channels": "in_chans"}
    if kind in known:
        return known[kind]
    parameters = _parameters(settings.builder)
    names = {"classes": CLASSES, "channels": CHANNELS}
    found = {what: next((name for name in usual if name in parameters), None) for what, usual in names.items()}
    return {what: name for what, name in found.items() if name is not None}
