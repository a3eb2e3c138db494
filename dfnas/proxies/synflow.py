"""SynFlow (Tanaka et al. 2020, "Pruning neural networks without any data by iteratively conserving synaptic flow"),
summed over a network as a score of it by Abdelfattah et al. 2021 (mohsaied/zero-cost-nas, measures/synflow.py).

With all weights replaced by their absolute values and R the sum of the logits for one image of ones,

    score = Σ_layers Σ_w |w · ∂R/∂w|,

in double precision and without BatchNorm. It sees neither an image nor a label.
"""

import math

import torch
from torch import nn

from dfnas.proxies.untrained import weighted_layers


def synflow(network: nn.Module, shape: tuple[int, ...]) -> float:
    """The score. inf where it is beyond what a double can be.

    Args:
        network: changed, so make it for this call.
        shape: of an image, (C, H, W).
    """
    _straighten(network)
    network.double()
    with torch.no_grad():
        for weights in network.parameters():
            weights.abs_()
    network.zero_grad(set_to_none=True)
    device = next(network.parameters()).device
    network(torch.ones(1, *shape, dtype=torch.float64, device=device)).sum().backward()
    flows = [
        (layer.weight * layer.weight.grad).abs().sum()
        for layer in weighted_layers(network)
        if layer.weight.grad is not None
    ]
    score = sum(torch.stack(flows).tolist()) if flows else 0.0
    return math.inf if math.isnan(score) else score


def _straighten(module: nn.Module) -> None:
    """Leaves out BatchNorms, and lets ReLU6 go on beyond 6: all flow is far above it, and would end there."""
    for name, part in module.named_children():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            setattr(module, name, nn.Identity())
        elif isinstance(part, nn.ReLU6):
            setattr(module, name, nn.ReLU())
        else:
            _straighten(part)
