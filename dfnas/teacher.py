"""The teacher: any pre-trained image classifier, loaded, checked and frozen.

Shapes: B batch, C channels, H W input, K classes.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import load_object
from dfnas.settings.base import as_size

NESTINGS = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
PREFIXES = ("module.", "_orig_mod.", "model.")


@dataclass(frozen=True)
class TeacherSpec:
    """How to build a teacher and how to feed it; travels with its weights."""

    builder: str
    """`torchvision:resnet50`, `module:callable` or `file.py:callable`: returns the network without weights."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the builder."""
    classes: int = 10
    """K, the number of logits."""
    channels: int = 3
    """C, the channels of an input image."""
    size: tuple[int, int] = (32, 32)
    """(H, W) of an input image in pixels; one side stands for a square."""
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    """Per channel, subtracted from pixels in [0, 1]."""
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    """Per channel, then divided by."""
    class_names: tuple[str, ...] = ()
    """Names of the K classes, or nothing."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_size(self.size))

    def names(self) -> tuple[str, ...]:
        """Names of the K classes; their numbers where none were given."""
        return self.class_names or tuple(str(label) for label in range(self.classes))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TeacherSpec":
        tuples = {k: tuple(values[k]) for k in ("mean", "std", "class_names")}
        return cls(**{**values, **tuples})


class Teacher(nn.Module):
    """A frozen classifier: pixels in [0, 1], (B, C, H, W) float, to logits (B, K).

    Always in evaluation mode; its weights take no gradient, so that a backward pass costs the gradient to
    the input alone.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, spec: TeacherSpec, network: nn.Module):
        super().__init__()
        self.spec = spec
        self.network = network.eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, -1, 1, 1))  # (1, C, 1, 1)
        self.register_buffer("std", torch.tensor(spec.std).view(1, -1, 1, 1))

    def train(self, mode: bool = True) -> "Teacher":
        """Stays in evaluation mode: the stored BatchNorm statistics are what the synthesis aims at."""
        return super().train(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network((images - self.mean) / self.std)

    def batch_norms(self) -> list[nn.BatchNorm2d]:
        """The BatchNorm layers over images that hold running statistics, in the order of the network's modules."""
        return [m for m in self.network.modules() if isinstance(m, nn.BatchNorm2d) and m.running_mean is not None]


def build_network(spec: TeacherSpec) -> nn.Module:
    """The teacher's network with fresh weights.

    Raises:
        InputError: the builder does not exist, does not take the arguments, or does not return a module.
    """
    library, _, name = spec.builder.partition(":")
    try:
        if library == "torchvision":
            from torchvision import models

            network = models.get_model(name, weights=None, **spec.arguments)
        else:
            network = load_object(spec.builder)(**spec.arguments)
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(f"teacher.builder '{spec.builder}' refused {spec.arguments}: {error}") from error
    if not isinstance(network, nn.Module):
        raise InputError(f"teacher.builder '{spec.builder}' returned a {type(network).__name__}, not a torch module")
    return network


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


def assemble(spec: TeacherSpec, state: Mapping[str, torch.Tensor], where: str) -> Teacher:
    """A teacher from its description and weights, checked by one forward pass.

    Raises:
        InputError: weights that do not fit the network, a wrong number of classes, non-finite weights or
            logits. The message names `where` the weights came from.
    """
    network = build_network(spec)
    expected = network.state_dict()
    state = without_wrappers(state, expected)
    state = {k: v for k, v in state.items() if k in expected or not k.endswith("num_batches_tracked")}
    missing = [k for k in expected if k not in state and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in state if k not in expected]
    if missing or unexpected:
        detail = f"no '{missing[0]}' ({len(missing)} missing)" if missing else f"an unknown '{unexpected[0]}'"
        raise InputError(f"{where} does not fit {spec.builder}{spec.arguments or ''}: it has {detail}")
    for key, value in state.items():
        if value.shape != expected[key].shape:
            raise InputError(
                f"{where} does not fit {spec.builder}{spec.arguments or ''}: '{key}' is {tuple(value.shape)}, "
                f"expected {tuple(expected[key].shape)}; check the number of classes and channels"
            )
        if value.is_floating_point() and not value.isfinite().all():
            raise InputError(f"{where}: '{key}' has values that are not finite; the checkpoint is damaged")
    network.load_state_dict(dict(state), strict=False)
    teacher = Teacher(spec, network)
    check_logits(teacher, where)
    return teacher


@torch.no_grad()
def check_logits(teacher: Teacher, where: str) -> None:
    """Raises InputError unless the teacher maps a grey batch of its own size to finite logits (B, K)."""
    spec = teacher.spec
    try:
        logits = teacher(torch.full((2, spec.channels, *spec.size), 0.5))
    except Exception as error:  # a network of the user's: whatever an input that does not fit leads it to
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{where}: {spec.builder} does not take images of "
            f"{' x '.join(map(str, (spec.channels, *spec.size)))}: {reason}"
        ) from error
    if not isinstance(logits, torch.Tensor):
        raise InputError(f"{where}: {spec.builder} returns a {type(logits).__name__}, expected a tensor of logits")
    if logits.ndim != 2 or logits.shape[1] != spec.classes:
        raise InputError(
            f"{where}: {spec.builder} returns logits of shape {tuple(logits.shape)}, expected (2, {spec.classes}); "
            "set teacher.classes or the builder's arguments"
        )
    if not logits.isfinite().all():
        raise InputError(f"{where}: the teacher's logits are not finite on a grey image; the checkpoint is damaged")
