"""Cross-entropy to target distributions.

Shapes: B batch, K classes.
"""

import math

import torch
from torch.nn import functional as F

from dfnas.runtime.errors import InputError


def soft_cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, temperature: float = 1.0, smoothing: float = 0.0
) -> torch.Tensor:
    """Mean over the batch of the cross-entropy of softmax(logits / T) to targets that are at that temperature already
    (`dfnas.dataset.batch_targets`): T acts on both sides, without a factor T² (SPOS release: T = 3). The gradient is
    otherwise that of a Kullback-Leibler divergence.

    Args:
        logits: (B, K).
        targets: (B, K), rows sum to 1.
        smoothing: share of the targets that is spread evenly, see `smoothed`.
    """
    return F.cross_entropy(logits if temperature == 1.0 else logits / temperature, smoothed(targets, smoothing))


def smoothed(targets: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Distributions (B, K) with a share spread evenly over all classes (Szegedy et al. 2016, section 7)."""
    return targets if not smoothing else targets * (1 - smoothing) + smoothing / targets.shape[1]


def mean_entropy(targets: torch.Tensor) -> torch.Tensor:
    """Mean over the batch of the entropy of target distributions (B, K), in nats: the least cross-entropy to them."""
    return torch.special.entr(targets).sum(1).mean()


class DivergedError(InputError):
    """A training's loss is no number any more."""


def check_finite(loss: float) -> None:
    """Raises DivergedError, an InputError, if training has."""
    if not math.isfinite(loss):
        raise DivergedError(f"training diverged: the loss is {loss}; lower lr or set a bound on the gradient's norm")
