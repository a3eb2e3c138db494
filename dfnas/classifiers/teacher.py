"""The teacher: any pre-trained image classifier, loaded, checked and frozen.

Shapes: B batch, C channels, H W input, K classes.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from dfnas.classifiers.builders import build
from dfnas.classifiers.fitting import under_own_names
from dfnas.classifiers.guards import guarded_pass, layout_of
from dfnas.classifiers.materials import check_in_memory, lay_into, materialised
from dfnas.classifiers.names import TORCHSCRIPT, code_of
from dfnas.classifiers.norms import is_over_images, normalise_by_batch, stored_norms
from dfnas.classifiers.soundness import check_function, check_same, probes, unchanged
from dfnas.classifiers.torchscript import ScriptNetwork
from dfnas.runtime.errors import InputError, reason
from dfnas.runtime.users_code import told
from dfnas.settings.base import as_size
from dfnas.settings.teacher import ONE_LOGIT, TeacherSettings


@dataclass(frozen=True)
class TeacherSpec:
    """How to build a teacher and how to feed it; travels with its weights."""

    builder: str
    """What builds the network: `torchvision:resnet50`, `file.py:callable` and others; see docs/teachers.md."""
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

    def code(self) -> tuple[str, ...]:
        """The user's code behind the builder, for `Job.provenance` and `Job.checkpoint`."""
        return code_of(self.builder)

    @classmethod
    def of(cls, settings: TeacherSettings) -> "TeacherSpec":
        """The description in a section of the configuration, of which nothing is left out."""
        return cls(**settings.model_dump(exclude={"weights", "weights_key"}))

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
        return self.network(self.normalised(images))

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """Pixels in [0, 1] as the network takes them."""
        return (images - self.mean) / self.std

    @property
    def layout(self) -> torch.memory_format:
        """The memory layout that its weights may have."""
        return layout_of(self.network)

    def batch_norms(self) -> list[nn.Module]:
        """The BatchNorm layers over images that hold running statistics, frozen ones included, in the order of the
        network's modules."""
        return [norm for norm in stored_norms(self.network) if is_over_images(norm)]

    def on_batch_statistics(self) -> nn.Module:
        """The network with BatchNorms that normalise by the statistics of each batch, and all else in evaluation mode.

        Takes normalised images, of more than one a batch. The weights are those of this teacher, not copies.

        Raises:
            InputError: it has no BatchNorm with stored statistics, or is a network of the user's that cannot be copied.
        """
        if not stored_norms(self.network):
            raise InputError(
                "teacher_statistics = batch: the teacher has no BatchNorm with stored statistics; take "
                "teacher_statistics = stored"
            )
        try:
            network = copy.deepcopy(self.network, {id(weight): weight for weight in self.network.parameters()})
        except Exception as error:  # whatever a network of the user's holds
            raise InputError(
                f"teacher_statistics = batch: the teacher's network cannot be copied: {reason(error)}; take "
                "teacher_statistics = stored"
            ) from error
        for norm in stored_norms(network):
            normalise_by_batch(norm)
        return network


def build_network(spec: TeacherSpec, section: str = "teacher") -> nn.Module:
    """The teacher's network as its builder returns it, in memory. Raises InputError; see `classifiers.builders.build`
    and `classifiers.materials`."""
    network = _built(spec, section)
    check_in_memory(network, f"{section}.builder '{spec.builder}'")
    return network


def _built(spec: TeacherSpec, section: str) -> nn.Module:
    network, shape = build(spec.builder, spec.arguments, section), (2, spec.channels, *spec.size)
    return materialised(network, shape, f"{section}.builder '{spec.builder}'")


def assemble(
    spec: TeacherSpec,
    state: Mapping[str, torch.Tensor],
    where: str,
    section: str = "teacher",
    thoroughly: bool = False,
) -> Teacher:
    """A teacher from its description and weights, checked by one forward pass, or `thoroughly`: see `examine`.

    Args:
        state: as `classifiers.weights.read_weights` gives it.
        section: of the configuration, for the complaints.

    Raises:
        InputError: weights that do not fit the network, a wrong number of classes, non-finite weights or
            logits. The message names `where` the weights came from.
    """

    def make() -> Teacher:
        if spec.builder == TORCHSCRIPT:
            content = state[TORCHSCRIPT].numpy().tobytes()
            return Teacher(spec, ScriptNetwork(content, torch.full((2, spec.channels, *spec.size), 0.5), where))
        return Teacher(spec, _fitted(spec, state, where, section))

    teacher = make()
    if thoroughly:
        examine(teacher, where, section, make)
    else:
        check_logits(teacher, where, section)
    return teacher


def check_trainable(network: nn.Module, spec: TeacherSpec, where: str, section: str) -> None:
    """Raises InputError unless a network with fresh weights can be trained to be a classifier as `spec` describes it.
    The network is used up: train another of the same builder, since not every network can be copied."""
    teacher = Teacher(spec, network)
    examine(teacher, where, section)
    if teacher.layout != torch.channels_last:
        raise InputError(
            f"{where}: {spec.builder} takes contiguous images alone, and a training lays them out channels-last; let "
            "it use flatten(1) or reshape instead of view"
        )


def _fitted(spec: TeacherSpec, state: Mapping[str, torch.Tensor], where: str, section: str) -> nn.Module:
    """The builder's network with the weights in it. Raises InputError where they do not fit."""
    network = _built(spec, section)
    expected = network.state_dict()
    state = under_own_names(state, expected, where, f"{spec.builder}{spec.arguments or ''}", section)
    for key, value in state.items():
        if is_lazy(value) or value.is_meta:
            raise InputError(f"{where}: '{key}' has no values (a lazy layer, or the device meta); it was never trained")
        if value.shape != expected[key].shape:
            raise InputError(
                f"{where} does not fit {spec.builder}{spec.arguments or ''}: '{key}' is {tuple(value.shape)}, "
                f"expected {tuple(expected[key].shape)}; check the number of classes and channels"
            )
        if value.is_floating_point() != expected[key].is_floating_point():
            raise InputError(
                f"{where}: '{key}' is {value.dtype}, expected {expected[key].dtype}; no weights of this network"
            )
        if value.is_floating_point() and not value.float().isfinite().all():
            raise InputError(f"{where}: '{key}' has values that are not finite; the checkpoint is damaged")
    lay_into(network, state, f"{section}.builder '{spec.builder}'")
    return network


@torch.no_grad()
def check_logits(teacher: Teacher, where: str, section: str = "teacher") -> None:
    """Raises InputError unless the teacher maps a grey batch of its own size to finite logits (B, K), K >= 2. Its
    network then has the guards that it needs, see `classifiers.guards`."""
    spec = teacher.spec
    try:
        grey = teacher.normalised(torch.full((2, spec.channels, *spec.size), 0.5))
        logits = guarded_pass(teacher.network, grey)
    except Exception as error:  # a network of the user's: whatever an input that does not fit leads it to
        raise InputError(
            f"{where}: {spec.builder} does not take images of "
            f"{' x '.join(map(str, (spec.channels, *spec.size)))}: {told(error)}"
        ) from error
    if not isinstance(logits, torch.Tensor) or not logits.is_floating_point():
        kind = f"tensor of {logits.dtype}" if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise InputError(
            f"{where}: {spec.builder} returns a {kind}, expected a tensor of logits; wrap the network in one that "
            "returns its logits alone"
        )
    if logits.ndim == 2 and logits.shape[1] == 1:
        raise InputError(f"{where}: {spec.builder} returns one logit, expected one for each class: {ONE_LOGIT}")
    if logits.ndim != 2 or logits.shape[1] != spec.classes:
        raise InputError(
            f"{where}: {spec.builder} returns logits of shape {tuple(logits.shape)}, expected (2, {spec.classes}); "
            f"set {section}.classes or the builder's arguments"
        )
    if not logits.isfinite().all():
        raise InputError(f"{where}: the teacher's logits are not finite on a grey image; the checkpoint is damaged")


@torch.no_grad()
def examine(teacher: Teacher, where: str, section: str = "teacher", again: Callable[[], Teacher] | None = None) -> None:
    """Asks a teacher that nobody has asked anything yet for all that `check_logits` asks, and whether its logits are a
    function of each image alone, see `classifiers.soundness`. Takes about twenty images' forward passes.

    Args:
        again: makes the same teacher a second time, to see what its builder draws by chance.

    Raises:
        InputError: they are not.
    """
    with unchanged(teacher.network, where):
        check_logits(teacher, where, section)
    images = teacher.normalised(probes(teacher.spec.channels, teacher.spec.size))
    logits = check_function(teacher.network, images, where)
    if again is not None:
        second = again()
        check_logits(second, where, section)
        check_same(second.network, images, logits, where)
