"""How far a whole set of images is from what the BatchNorm layers remember, at the input of each.

Per layer ‖mean - μ‖₂ / ‖σ‖₂ and ‖var - σ²‖₂ / ‖σ²‖₂, as the inversion's feature term in its `relative` form measures a
batch, here over all images at once.

Shapes: B batch, C channels.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import NamedTuple

import torch
from torch import nn
from torch.linalg import vector_norm

from dfnas.classifiers.norms import statistics_of

PIECE = 32
"""Images whose activations are held in double precision at once."""


class Distance(NamedTuple):
    """Of one layer, in units of the layer's own scale."""

    mean: float
    variance: float


class NormStatistics:
    """A context: inside it, every forward pass adds to the statistics. Sums are of x - μ in float64: nothing cancels,
    and the result does not depend on how images are cut into batches.

    Args:
        layers: BatchNorm layers with running statistics, by name.
    """

    def __init__(self, layers: Mapping[str, nn.Module]):
        self._layers = dict(layers)
        self._counts = dict.fromkeys(self._layers, 0)
        self._sums = {name: torch.zeros(2, *statistics_of(layer)[0].shape).double() for name, layer in layers.items()}
        self._hooks = ExitStack()

    def __enter__(self) -> "NormStatistics":
        for name, layer in self._layers.items():
            hook = lambda layer, inputs, name=name: self._measure(name, layer, inputs[0])  # noqa: E731
            self._hooks.enter_context(layer.register_forward_pre_hook(hook))
        return self

    def __exit__(self, *error: object) -> None:
        self._hooks.close()

    def _measure(self, name: str, layer: nn.Module, x: torch.Tensor) -> None:
        """x: (B, C, ...), of any float type."""
        mean, _ = statistics_of(layer)
        if x.ndim < 2 or x.shape[1] != len(mean):
            return  # a layer of another kind than torch's, which has its channels elsewhere
        centre = mean.double().view(1, -1, *(1 for _ in x.shape[2:]))
        others = [axis for axis in range(x.ndim) if axis != 1]
        sums = torch.zeros(2, x.shape[1], dtype=torch.float64, device=x.device)
        for part in x.split(PIECE):
            deviation = part.double() - centre
            sums += torch.stack([deviation.sum(others), deviation.square().sum(others)])
        self._sums[name] += sums.to(self._sums[name].device)
        self._counts[name] += x.numel() // x.shape[1]

    def distances(self) -> dict[str, Distance]:
        """Of each layer that ran, by name, in the order of the layers."""
        return {name: self._distance(name) for name in self._layers if self._counts[name]}

    def _distance(self, name: str) -> Distance:
        from_mean, squares = self._sums[name] / self._counts[name]
        remembered = statistics_of(self._layers[name])[1].double().cpu()
        from_variance = squares - from_mean.square() - remembered
        # A dead layer, all of whose channels are constant, counts as of scale 1.
        scales = (vector_norm(values).item() or 1.0 for values in (remembered.sqrt(), remembered))
        distances = (vector_norm(values).item() for values in (from_mean, from_variance))
        return Distance(*(distance / scale for distance, scale in zip(distances, scales, strict=True)))


def norm_layers(network: nn.Module, layers: list[nn.Module]) -> dict[str, nn.Module]:
    """Some layers of a network by their names there."""
    chosen = {id(layer) for layer in layers}
    return {name: module for name, module in network.named_modules() if id(module) in chosen}
