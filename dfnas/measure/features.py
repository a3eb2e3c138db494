"""What a classifier's last layer sees: the penultimate features of images, and the layer itself.

Shapes: B batch, C channels, H W sides, D features, K classes.
"""

from contextlib import ExitStack
from typing import TypeGuard

import torch
from torch import nn

Head = nn.Linear | nn.Conv2d


@torch.no_grad()
def final_layer(network: nn.Module, classes: int, example: torch.Tensor) -> Head | None:
    """The layer that turns features into logits: of the linear layers and 1 x 1 convolutions with K outputs that a
    forward pass runs, the last whose output is the logits (averaged over its places, and perhaps cut off at 0). None if
    there is no such layer. (Auxiliary heads do not run in evaluation mode.)

    Args:
        classes: K.
        example: input of the network, (B, C, H, W); one image is enough.
    """
    run: list[tuple[Head, torch.Tensor]] = []

    def note(layer: Head, _: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        run.append((layer, output.detach().clone()))  # an activation may change it in place

    candidates = [module for module in network.modules() if _maps_to(module, classes)]
    with ExitStack() as hooks:
        for module in candidates:
            hooks.enter_context(module.register_forward_hook(note))
        logits = network(example)
    return next((layer for layer, output in reversed(run) if _is_logits(layer, output, logits)), None)


def _is_logits(layer: Head, output: torch.Tensor, logits: torch.Tensor) -> bool:
    places = (2, 3) if isinstance(layer, nn.Conv2d) else tuple(range(1, output.ndim - 1))
    return any(
        torch.allclose(found.mean(places) if places else found, logits, rtol=1e-3, atol=1e-5)
        for found in (output, output.relu())
    )


def class_weights(layer: Head) -> torch.Tensor:
    """The rows that the layer scores classes with: (K, D)."""
    return layer.weight.detach().flatten(1)


def _maps_to(module: nn.Module, classes: int) -> TypeGuard[Head]:
    if isinstance(module, nn.Linear):
        return module.out_features == classes
    return (
        isinstance(module, nn.Conv2d)
        and module.out_channels == classes
        and module.kernel_size == (1, 1)
        and module.groups == 1
    )


class PenultimateFeatures:
    """A context: inside it, `take` gives the features of the latest forward pass.

    Args:
        layer: the final layer, whose input the features are. None for a network without one: then there are none.
    """

    def __init__(self, layer: Head | None):
        self._layer = layer
        self._input: torch.Tensor | None = None

    def __enter__(self) -> "PenultimateFeatures":
        if self._layer is not None:
            self._handle = self._layer.register_forward_pre_hook(self._keep)
        return self

    def __exit__(self, *error: object) -> None:
        if self._layer is not None:
            self._handle.remove()

    def _keep(self, layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self._input = inputs[0]

    def take(self) -> torch.Tensor | None:
        """(B, D) float64 for the latest pass; where the layer runs at many places (a convolution, tokens), the mean
        over them. None without a layer."""
        if self._layer is None:
            return None
        assert self._input is not None, "nothing ran since the last call"
        features, self._input = self._input.double(), None
        if isinstance(self._layer, nn.Conv2d):
            return features.mean((2, 3))  # (B, D, H, W)
        return features.flatten(1, -2).mean(1) if features.ndim > 2 else features  # (B, tokens, D) or (B, D)
