"""Batches whose images are mixed with each other, and their targets in the same shares, or labelled anew by who sees
them mixed.

Shapes: B batch, C channels, H W of a view, K classes.
"""

import math
from random import Random

import torch

from dfnas.dataset.batches import Batches
from dfnas.runtime.seeds import generator, python_random
from dfnas.runtime.transfers import sent


class MixedBatches:
    """A sequence of batches, each blended (mixup, Zhang et al. 2018, equation 1) or with rectangles exchanged (CutMix,
    Yun et al. 2019, algorithm A1) with itself in another order. A step's mixture is a function of (seed, step).

    Labels of views are those of the mixed ones: teacher and network see the same (Beyer et al. 2022, "Knowledge
    distillation: A good teacher is patient and consistent", section 3.1).

    Args:
        batches: at full size.
        mixup, cutmix: α of the Beta(α, α) of an image's own share, one share for a batch; 0 leaves that kind out, and
            one of them is above. With both, one of them for each batch, as often the one as the other.
        seed: the run's seed.
    """

    def __init__(self, batches: Batches, mixup: float, cutmix: float, seed: int):
        assert mixup or cutmix
        assert batches.downscale == 1
        self.batches, self.mixup, self.cutmix, self.seed = batches, mixup, cutmix, seed
        self.data, self.per_epoch = batches.data, batches.per_epoch

    def __getitem__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Views (B, C, H, W) and targets (B, K) of a step."""
        indices, plain = self.batches.full_views(step)
        labels = self.batches.labels
        views, partners, own = self._mixed(step, plain)
        if labels.of_views:
            return views, labels(indices, views)
        targets = labels(indices, plain)
        return views, torch.lerp(targets[partners], targets, own)

    def _mixed(self, step: int, views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, float]:
        """Views mixed with their partners (B,) int64, and the share of their own that they keep."""
        rng = python_random(self.seed, "mixture", step)
        # Where processes have a batch between them, each mixes its own share.
        order = torch.randperm(len(views), generator=generator(self.seed, "partners", step))
        partners = sent(order, views.device)
        blends = rng.random() < 0.5 if self.mixup and self.cutmix else bool(self.mixup)
        alpha = self.mixup if blends else self.cutmix
        own = rng.betavariate(alpha, alpha)
        if blends:
            return torch.lerp(views[partners], views, own), partners, own
        mixed, own = with_rectangles(views, partners, own, rng)
        return mixed, partners, own


def with_rectangles(views: torch.Tensor, partners: torch.Tensor, own: float, rng: Random) -> tuple[torch.Tensor, float]:
    """Views (B, C, H, W) with one rectangle of each partner's, and the share of an image that stays its own.

    Args:
        partners: int64 (B,).
        own: the share before the part of the rectangle that lies outside is lost. Its sides are those of an image times
            the root of the rest; its middle is any point.
    """
    side = math.sqrt(1 - own)
    spans = []
    for length in views.shape[2:]:
        half, middle = int(length * side) // 2, rng.randrange(length)
        spans.append((max(middle - half, 0), min(middle + half, length)))
    (top, bottom), (left, right) = spans
    mixed = views.clone()
    mixed[:, :, top:bottom, left:right] = views[partners, :, top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / (views.shape[2] * views.shape[3])
