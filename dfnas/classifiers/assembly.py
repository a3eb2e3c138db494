"""Teachers out of a description and weights.

Shapes: B batch, C channels, H W input, K classes.
"""

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from dfnas.classifiers.builders import build
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.examination import check_logits, check_trained, examine
from dfnas.classifiers.fitting import under_own_names
from dfnas.classifiers.materials import check_in_memory, lay_into, materialised
from dfnas.classifiers.names import TORCHSCRIPT
from dfnas.classifiers.teacher import Teacher
from dfnas.classifiers.torchscript import ScriptNetwork
from dfnas.runtime.errors import InputError


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
    """A teacher from its description and weights, checked by one forward pass, or `thoroughly`: see
    `examine` and `check_trained`.

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
        check_trained(teacher, where, section)
    else:
        check_logits(teacher, where, section)
    return teacher


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
