"""What keeps inverted images natural and varied, apart from the teacher's own statistics.

Shapes: B batch, C channels, H W sides, K classes.
"""

import torch
from torch.linalg import vector_norm


def total_variation(images: torch.Tensor) -> torch.Tensor:
    """The sum of the L2 norms of the differences between neighbours: to the right, below, and on both diagonals.

    Each norm runs over the whole batch, as in the release (Image_Synthesis/train.py:41-53): the term grows with
    the square root of B.

    Args:
        images: (B, C, H, W), in the teacher's normalised space.

    Returns:
        A scalar; its gradient is finite (zero) where all neighbours are equal.
    """
    right = images[:, :, :, 1:] - images[:, :, :, :-1]
    below = images[:, :, 1:, :] - images[:, :, :-1, :]
    below_right = images[:, :, 1:, 1:] - images[:, :, :-1, :-1]
    below_left = images[:, :, 1:, :-1] - images[:, :, :-1, 1:]
    return vector_norm(right) + vector_norm(below) + vector_norm(below_right) + vector_norm(below_left)


def image_norm(images: torch.Tensor) -> torch.Tensor:
    """The L2 norm of an image (C, H, W), averaged over the batch: a scalar."""
    return vector_norm(images, dim=(1, 2, 3)).mean()


def likeness(first: torch.Tensor, second: torch.Tensor, temperature: float) -> torch.Tensor:
    """1 - JS of two networks' softened predictions: what Adaptive DeepInversion lowers, so that the images are such
    as the second network does not yet understand (Yin et al. 2020, equations 7 and 8).

    The Jensen-Shannon divergence is exact, in nats, 0 to ln 2; DeepInversion's CIFAR code clamps probabilities to
    [0.01, 0.99] instead.

    Args:
        first, second: logits (B, K).
        temperature: what the logits are divided by; DeepInversion's CIFAR code has 3.

    Returns:
        A scalar.
    """
    p, q = (logits.float().div(temperature).log_softmax(1) for logits in (first, second))
    middle = torch.logaddexp(p, q) - torch.log(torch.tensor(2.0))
    divergence = 0.5 * ((p.exp() * (p - middle)).sum(1) + (q.exp() * (q - middle)).sum(1))  # (B,)
    return 1 - divergence.mean()
