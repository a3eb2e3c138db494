"""Untrained networks, as training-free scores see them."""

import torch
from torch import nn

from dfnas.runtime.seeds import reseed
from dfnas.spaces.space import Architecture, Space

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images (B, C, H, W) float32, normalised, and their distributions over classes (B, K)."""


def untrained(space: Space, architecture: Architecture, seed: int, kaiming: bool) -> nn.Module:
    """The final network of an architecture with fresh weights, which depend on the seed and the architecture alone. Its
    BatchNorms take the statistics of the batch, as in training, and it drops nothing out.

    Args:
        kaiming: whether its weights are drawn as `initialise` has them, and not as the space draws them.
    """
    reseed(seed, "untrained weights")
    network = space.deployed(space.network(architecture)).train()
    if kaiming:
        initialise(network)
    for layer in network.modules():
        if isinstance(layer, nn.modules.dropout._DropoutNd):
            layer.eval()
    return network.to(memory_format=torch.channels_last)


@torch.no_grad()
def initialise(network: nn.Module) -> None:
    """Draws weights as AZ-NAS does (cvlab-yonsei/AZ-NAS, `kaiming_normal_fanin_init`): normal by fan-in (He et al.
    2015), without biases, and with BatchNorms that change nothing."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d) and layer.affine:
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)


def weighted_layers(network: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    """The layers whose weights SynFlow, ZiCo and grad-norm look at: convolutions and the classifier."""
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
