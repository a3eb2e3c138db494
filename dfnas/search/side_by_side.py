"""The mixtures of slots that see one input, such as the edges that leave a state of a cell, computed at once.

A GPU needs some microseconds to start an operation, however small. So what n slots do alike is one operation: their
convolutions are one with n times the channels, their norms one norm, and what needs no weights, such as a pool of the
input, is done once for all. Last norms without weights of their own take the mixture's: Σ_o w_o · norm_o(x_o) is one
norm of all x_o, with the w_o for scales, and a sum. As in `mixture`, of an option only what its norm sees is kept.

Shapes: B batch, n slots, O options, P some of them, C channels, H W space. Channels go by option, slot and C.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeGuard

import torch
from torch import nn
from torch.nn import functional as F

from dfnas.spaces.cell_operations import EveryOther, Zero
from dfnas.spaces.depthwise import AveragePool3x3, DepthwiseConv2d, SeparableConv2d
from dfnas.spaces.slot import Slot

BY_CHANNEL = (nn.Identity, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, AveragePool3x3)
"""Layers without weights that treat every channel by itself."""
Layers = tuple[nn.Module, ...]
"""n layers alike, one of each slot."""


class Values(NamedTuple):
    """What n slots have: (B, C, H, W) where it is the same for all of them, else (B, n·C, H, W)."""

    x: torch.Tensor
    same: bool


class Term(NamedTuple):
    """An option of n slots, with its weights (n,) in their mixtures."""

    weights: torch.Tensor
    values: Values
    norms: Layers
    """Those still to be applied, if any."""


def is_plain_norm(layer: nn.Module) -> TypeGuard[nn.BatchNorm2d]:
    """Whether this is a BatchNorm that takes its batch's statistics and has no weights of its own."""
    if type(layer) is not nn.BatchNorm2d:
        return False
    return layer.training and not layer.affine and layer.track_running_stats and layer.momentum is not None


def mixtures(slots: Sequence[Slot], weights: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Σ_o w_o · option_o(x) of every slot, (B, C, H, W) each; running statistics are updated.

    Args:
        slots: n of the same `Slot.form`.
        weights: (n, O).
        x: (B, C, H, W).
    """
    options = [list(_in_turn(layers)) for layers in zip(*(slot.layers for slot in slots), strict=True)]
    mixed = [
        (weight, layers)
        for weight, layers in zip(weights.unbind(1), options, strict=True)
        if len(options) == 1 or not isinstance(layers[0][0], Zero)
    ]
    run = _Pass(len(slots), [layers for _, option in mixed for layers in option], x)
    terms = [run.term(weight, layers, x) for weight, layers in mixed]
    plain, sums = [term for term in terms if not term.norms], []
    for same, group in _grouped([term for term in terms if term.norms]):
        if same:
            plain += run.normalised_terms(group)
        else:
            sums.append(run.sum_of_norms(group))
    sums += [run.sum(same, group) for same, group in _grouped(plain)]
    run.update_statistics()
    return sum(sums[1:], start=sums[0]).unbind(1)


class _Pass:
    """One pass of an input through n slots, with what several options have in common.

    Args:
        layers: all that are to be applied.
        x: the input.
    """

    def __init__(self, n: int, layers: Sequence[Layers], x: torch.Tensor):
        self.n = n
        self.found: dict[tuple[str, torch.Tensor], torch.Tensor] = {}
        # By momentum the running statistics, and those of x.
        self.statistics: dict[float | None, list[tuple[torch.Tensor, torch.Tensor]]] = defaultdict(list)
        channels = sum(norm.num_features for alike in layers if _are_plain_norms(alike) for norm in alike)
        kept_in = torch.promote_types(x.dtype, torch.float32)
        self.spare = torch.zeros(2, channels, dtype=kept_in, device=x.device)  # for means and variances
        self.weights: dict[Layers, torch.Tensor] = {}  # of the n convolutions, one after the other
        by_shape: dict[torch.Size, list[tuple[nn.Conv2d, ...]]] = defaultdict(list)
        for alike in layers:
            if _are_convolutions(alike):
                by_shape[alike[0].weight.shape].append(alike)
        for group in by_shape.values():
            weights = _joined([convolution.weight for alike in group for convolution in alike], 0)
            self.weights |= zip(group, weights.chunk(len(group)), strict=True)

    def term(self, weights: torch.Tensor, in_turn: Sequence[Layers], x: torch.Tensor) -> Term:
        """An option, up to a last plain norm, from what it applies in turn."""
        norms = in_turn[-1] if len(in_turn) > 1 and _are_plain_norms(in_turn[-1]) else ()
        values = Values(x, True)
        for layers in in_turn[:-1] if norms else in_turn:
            values = self._applied(layers, values)
        return Term(weights, values, norms)

    def normalised_terms(self, group: Sequence[Term]) -> list[Term]:
        """Terms of which the norms see the same in all slots, after those norms."""
        together = _joined([term.values.x for term in group], 1)  # (B, P·C, H, W)
        normalised = self._normalised([term.norms for term in group], Values(together, True))
        parts = normalised.chunk(len(group), 1)
        return [Term(term.weights, Values(part, True), ()) for term, part in zip(group, parts, strict=True)]

    def sum_of_norms(self, group: Sequence[Term]) -> torch.Tensor:
        """Σ_o w_o · norm_o(x_o) over P options, (B, n, C, H, W)."""
        together = _joined([term.values.x for term in group], 1)  # (B, P·n·C, H, W)
        scales = torch.stack([term.weights for term in group]).flatten()  # (P·n,)
        scales = scales.repeat_interleave(together.shape[1] // len(scales))
        normalised = self._normalised([term.norms for term in group], Values(together, False), scales)
        return normalised.unflatten(1, (len(group), self.n, -1)).sum(1)

    def sum(self, same: bool, group: Sequence[Term]) -> torch.Tensor:
        """Σ_o w_o · x_o over P options, (B, n, C, H, W)."""
        weights = torch.stack([term.weights for term in group])[..., None, None, None]  # (P, n, 1, 1, 1)
        values = torch.stack([term.values.x.unflatten(1, (1 if same else self.n, -1)) for term in group], 1)
        return (values * weights).sum(1)

    @torch.no_grad()
    def update_statistics(self) -> None:
        """All running statistics, by those of the batch."""
        for momentum, pairs in self.statistics.items():
            running, of_batch = zip(*pairs, strict=True)
            assert momentum is not None, "see `is_plain_norm`"
            torch._foreach_lerp_(running, of_batch, momentum)

    def _applied(self, layers: Layers, values: Values) -> Values:
        first, (x, same) = layers[0], values
        if type(first) is nn.ReLU and not first.inplace:
            return Values(self._once("rectified", x, F.relu), same)
        if type(first) in BY_CHANNEL:
            return Values(first(x), same)
        if _are_convolutions(layers):
            return Values(self._convolved(layers, values), False)
        if _are_plain_norms(layers):
            return Values(self._normalised([layers], values), same)
        inputs = [x] * self.n if same else x.chunk(self.n, 1)
        return Values(torch.cat([layer(x) for layer, x in zip(layers, inputs, strict=True)], 1), False)

    def _convolved(self, layers: tuple[nn.Conv2d, ...], values: Values) -> torch.Tensor:
        """One convolution for n: of all channels of an input that they share, if each is; else in groups."""
        first, (x, same) = layers[0], values
        groups = first.groups
        if groups > 1 or not same:
            x = self._once("repeated", x, lambda x: x.repeat(1, self.n, 1, 1)) if same and self.n > 1 else x
            groups *= self.n
        biases = [layer.bias for layer in layers if layer.bias is not None]
        bias = _joined(biases, 0) if biases else None
        return F.conv2d(x, self.weights[layers], bias, first.stride, first.padding, first.dilation, groups)

    def _normalised(self, norms: Sequence[Layers], values: Values, scales: torch.Tensor | None = None) -> torch.Tensor:
        """By the norms of P options, which lie side by side, times scales (P·n·C,)."""
        alike, (x, same) = [norm for of_option in norms for norm in of_option if is_plain_norm(norm)], values
        channels = alike[0].num_features
        # What a momentum of 1 makes of running statistics are those of the batch.
        means, variances = self.spare[:, : x.shape[1]].unbind()
        self.spare = self.spare[:, x.shape[1] :]
        normalised = F.batch_norm(x, means, variances, scales, None, True, 1.0, alike[0].eps)
        parts = zip(means.split(channels), variances.split(channels), strict=True)
        of_batch = [part for part in parts for _ in range(self.n if same else 1)]
        for norm, (mean, variance) in zip(alike, of_batch, strict=True):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            self.statistics[norm.momentum] += (norm.running_mean, mean), (norm.running_var, variance)
        torch._foreach_add_([norm.num_batches_tracked for norm in alike if norm.num_batches_tracked is not None], 1)
        return normalised

    def _once(self, name: str, x: torch.Tensor, function: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """What a function makes of a tensor, for all options that ask for it."""
        if (name, x) not in self.found:
            self.found[name, x] = function(x)
        return self.found[name, x]


def _in_turn(options: Layers | Sequence[Layers]) -> Iterator[Layers]:
    """What n options alike apply one after the other, from the layers of each; separable convolutions taken apart."""
    for layers in zip(*options, strict=True):
        yield from zip(*layers, strict=True) if type(layers[0]) is SeparableConv2d else (layers,)


def _are_convolutions(layers: Layers) -> TypeGuard[tuple[nn.Conv2d, ...]]:
    first = layers[0]
    return type(first) in (nn.Conv2d, DepthwiseConv2d, EveryOther) and first.padding_mode == "zeros"


def _are_plain_norms(layers: Layers) -> TypeGuard[tuple[nn.BatchNorm2d, ...]]:
    return all(map(is_plain_norm, layers))


def _grouped(terms: Sequence[Term]) -> Iterator[tuple[bool, list[Term]]]:
    """Terms of the same kind of values, `same` or not, and with norms that can be one."""
    groups: dict[tuple[bool, float | None], list[Term]] = defaultdict(list)
    for term in terms:
        norm = term.norms[0] if term.norms else None
        groups[term.values.same, norm.eps if isinstance(norm, nn.BatchNorm2d) else None].append(term)
    return ((same, group) for (same, _), group in groups.items())


def _joined(tensors: Sequence[torch.Tensor], dim: int) -> torch.Tensor:
    return torch.cat(list(tensors), dim) if len(tensors) > 1 else tensors[0]
