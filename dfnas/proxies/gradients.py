"""Scores by the gradients of the cross-entropy: ZiCo, and the norm of the gradient.

Both look at the weights W_l of convolutions and of the classifier.

- ZiCo (Li et al. 2023, "ZiCo: Zero-shot NAS via Inverse Coefficient of Variation on Gradients"; SLDGroup/ZiCo,
  ZeroShotProxy/compute_zico.py): Σ_l log Σ_w E|g_w| / std(g_w), over the gradients g of several batches. High where
  gradients are large, and the same for different images.
- grad-norm (Abdelfattah et al. 2021; mohsaied/zero-cost-nas, measures/grad_norm.py): Σ_l ‖g_l‖₂ of one batch.
"""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from dfnas.proxies.untrained import Batch, weighted_layers

ZICO_BATCHES = 2


def zico(network: nn.Module, batches: Sequence[Batch]) -> float:
    """The score, by two batches or more. Layers that get no gradient, or the same from all batches, add nothing."""
    assert len(batches) > 1, "one batch has no deviation"
    by_batch = [_gradients(network, batch) for batch in batches]
    score = 0.0
    for gradients in zip(*by_batch, strict=True):
        found = torch.stack([gradient for gradient in gradients if gradient is not None] or [torch.zeros(1)])
        deviation = found.std(0, correction=0)
        varying = deviation > 0
        total = (found.abs().mean(0)[varying] / deviation[varying]).sum().item()
        score += math.log(total) if total > 0 else 0.0
    return score


def grad_norm(network: nn.Module, batch: Batch) -> float:
    """The score."""
    return sum(gradient.norm().item() for gradient in _gradients(network, batch) if gradient is not None)


def _gradients(network: nn.Module, batch: Batch) -> list[torch.Tensor | None]:
    """Of the weights of every layer; None where it has no part in the logits."""
    images, targets = batch
    weights = [layer.weight for layer in weighted_layers(network)]
    loss = F.cross_entropy(network(images), targets)
    return list(torch.autograd.grad(loss, weights, allow_unused=True))
