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
    """Mean over the batch of the cross-entropy of softmax(logits / T) to targets softened alike.

    With targets softmax(z), softening them by T gives softmax(z / T), so that T acts on both sides (SPOS
    release: T = 3, no factor T²). The gradient is otherwise that of a Kullback-Leibler divergence.

    Args:
        logits: (B, K).
        targets: (B, K), rows sum to 1.
        smoothing: share of the softened targets that is spread evenly, see `smoothed`.
    """
    if temperature != 1.0:
        logits, targets = logits / temperature, softened(targets, temperature)
    return F.cross_entropy(logits, smoothed(targets, smoothing))


def softened(targets: torch.Tensor, temperature: float) -> torch.Tensor:
    """Distributions (B, K) raised to the power 1 / T and normalised; one-hot rows stay as they are."""
    return F.normalize(targets.pow(1.0 / temperature), p=1, dim=1)


def smoothed(targets: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Distributions (B, K) with a share spread evenly over all classes (Szegedy et al. 2016, section 7)."""
    return targets if not smoothing else targets * (1 - smoothing) + smoothing / targets.shape[1]


def check_finite(loss: float) -> None:
    """Raises InputError if training has diverged."""
    if not math.isfinite(loss):
        raise InputError(f"training diverged: the loss is {loss}; lower lr or set a bound on the gradient's norm")
