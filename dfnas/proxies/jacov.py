"""jacov, or jacob_cov: the first version of NASWOT, in the form of Abdelfattah et al. 2021 (mohsaied/zero-cost-nas,
measures/jacob_cov.py).

With v the eigenvalues of the correlation matrix between the images of a batch, of the gradients of the summed logits
with respect to each image:

    score = -Σ (log(v + k) + 1 / (v + k)),   k = 10⁻⁵.

It is highest where gradients of different images have nothing to do with each other.
"""

import math

import numpy as np
import torch
from torch import nn

K = 1e-5


def jacov(network: nn.Module, images: torch.Tensor) -> float:
    """The score for images (B, C, H, W). -inf where the logits do not depend on an image."""
    images = images.detach().clone().requires_grad_()
    logits = network(images).sum()
    if not logits.requires_grad:
        return -math.inf
    (gradient,) = torch.autograd.grad(logits, images, allow_unused=True)
    if gradient is None or (gradient.flatten(1).std(1) == 0).any():
        return -math.inf
    correlations = np.corrcoef(gradient.flatten(1).cpu().numpy())  # (B, B) float64
    shifted = np.linalg.eigvalsh(correlations) + K
    if (shifted <= 0).any():  # rounding, of many gradients that are one
        return -math.inf
    return float(-(np.log(shifted) + 1 / shifted).sum())
