"""Three terms of AZ-NAS (Lee and Ham 2024, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search";
cvlab-yonsei/AZ-NAS, NB201/ZeroShotProxy/compute_az_nas_score.py). The fourth, complexity, is multiply-accumulates.

Of the features F_0, F_1, … that a network's stem and blocks give for a batch, at initialisation:

- expressivity: Σ_l H_l, with H_l the entropy of the spectrum of the covariance between the channels of F_l, over all
  pixels of all images. High where features spread over all directions.
- progressivity: min_l (H_l - H_(l-1)). High where every block adds to it.
- trainability: the mean over blocks of 2 - σ - 1/σ, with σ the largest singular value of the map that the block's
  backward pass is on average, from a gradient of random signs at its output to its input. Highest, 0, at σ = 1.

One forward pass, and one backward pass block by block, give all of them.

Shapes: B batch, C channels, H W space.
"""

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from dfnas.runtime.transfers import sent

WORST = -math.inf


class BlockTerms(NamedTuple):
    """What a network's blocks are like. -inf where a term has no value: for features without any variance, and the
    trainability of a network with a block that only passes its input on."""

    expressivity: float
    progressivity: float
    trainability: float


def block_terms(
    network: nn.Module, blocks: Sequence[nn.Module], images: torch.Tensor, rng: torch.Generator
) -> BlockTerms:
    """The terms of a network.

    Args:
        blocks: parts of it, see `Space.feature_blocks`.
        images: (B, C, H, W).
        rng: of the CPU, for the random signs.
    """
    features = block_features(network, blocks, images)
    if len(features) < 2:
        return BlockTerms(WORST, WORST, WORST)
    entropies = [spectral_entropy(feature.detach()) for feature in features]
    gains = [_trainability(*pair, rng) for pair in reversed(list(itertools.pairwise(features)))]
    steps = [after - before for before, after in itertools.pairwise(entropies)]
    if any(map(math.isnan, entropies)):
        return BlockTerms(WORST, WORST, statistics.fmean(gains))
    return BlockTerms(sum(entropies), min(steps), statistics.fmean(gains))


def block_features(network: nn.Module, blocks: Sequence[nn.Module], images: torch.Tensor) -> list[torch.Tensor]:
    """What the blocks give, (B, C, H, W) each, in the order in which they run."""
    features: list[torch.Tensor] = []

    def keep(block: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4:
            features.append(output)

    handles = [block.register_forward_hook(keep) for block in blocks]
    try:
        network(images)
    finally:
        for handle in handles:
            handle.remove()
    return features


def spectral_entropy(feature: torch.Tensor) -> float:
    """The entropy in nats of the normalised eigenvalues of the covariance between channels of a feature (B, C, H, W);
    not a number where it does not vary."""
    pixels = _pixels(feature)
    pixels = pixels - pixels.mean(0, keepdim=True)
    covariance = pixels.T @ pixels / len(pixels)  # (C, C)
    # Rounding may leave an eigenvalue below 0, whose logarithm would be none.
    spectrum = torch.linalg.eigvalsh(covariance).clamp_min(0)
    shares = spectrum / spectrum.sum()
    return -(shares * (shares + 1e-8).log()).sum().item()


def _trainability(before: torch.Tensor, after: torch.Tensor, rng: torch.Generator) -> float:
    """2 - σ - 1/σ of a block, by its input and output."""
    signs = 2 * sent(torch.bernoulli(torch.full(after.shape, 0.5), generator=rng), after.device) - 1
    grad = None
    if after.requires_grad and before.requires_grad:
        (grad,) = torch.autograd.grad(after, before, signs, retain_graph=True, allow_unused=True)
    if grad is None:  # no path from one to the other
        grad = torch.zeros_like(before)
    if grad.shape == signs.shape and torch.equal(grad, signs):
        return WORST
    grad = _folded(grad, *signs.shape[2:])
    largest = torch.linalg.svdvals(_pixels(grad).T @ _pixels(signs) / len(_pixels(signs))).max().item()
    return 2 - largest - 1 / (largest + 1e-6)


def _folded(grad: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(B, C, H, W) to (B, s² C, height, width): what lies in a square of side s becomes channels. Sides that s does not
    divide are filled up with zeros."""
    stride = max(-(-grad.shape[2] // height), -(-grad.shape[3] // width))
    if grad.shape[2:] == (height, width):
        return grad
    filled = F.pad(grad, (0, stride * width - grad.shape[3], 0, stride * height - grad.shape[2]))
    return F.pixel_unshuffle(filled, stride)


def _pixels(feature: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) to (B·H·W, C)."""
    return feature.permute(0, 2, 3, 1).flatten(0, 2)
