"""How much images differ from one another, seen through unit features u_i: cosine distance and Vendi score.

With the kernel K_ij = u_i·u_j of n images, the mean distance over pairs is 1 - (‖Σ u_i‖² - n) / (n (n - 1)), and the
Vendi score exp(-Σ λ log λ) over the eigenvalues λ of K/n, an effective number of different images between 1 and n
(Friedman and Dieng 2023, "The Vendi Score", definition 3.1). K/n shares its eigenvalues above 0 with the second moment
Σ u_i u_iᵀ / n, so that nothing here grows with n.

Shapes: B batch, D features, K classes.
"""

from collections.abc import Iterable

import torch
from torch.nn import functional as F

from dfnas.measure.choice import evenly

CLASS_MOMENT_BYTES = 1 << 28
"""Bound on the memory of the matrices by class; what does not fit is measured on evenly chosen classes."""


class UnitMoments:
    """Running sum and second moment of features scaled to length 1. Features that are all zero have no direction
    and are left out.

    Args:
        width: D.
    """

    def __init__(self, width: int, device: torch.device | str = "cpu"):
        self.count = 0
        self.sum = torch.zeros(width, dtype=torch.float64, device=device)
        self.moment = torch.zeros(width, width, dtype=torch.float64, device=device)

    def add(self, features: torch.Tensor) -> None:
        """Takes in the features (B, D) of some images."""
        units = unit_rows(features)
        self.count += len(units)
        self.sum += units.sum(0)
        self.moment += units.T @ units

    def cosine_distance(self) -> float | None:
        """Mean of 1 - cos over all pairs of two images: 0 to 2. None for fewer than two images."""
        return mean_cosine_distance(self.sum, self.count)

    def vendi_score(self) -> float | None:
        """From 1 (all alike) to the number of images (all orthogonal). None without images."""
        if not self.count:
            return None
        eigenvalues = torch.linalg.eigvalsh(self.moment / self.count).clamp_min(0)
        # Their sum is 1 but for rounding.
        return torch.special.entr(eigenvalues / eigenvalues.sum()).sum().exp().item()


class ClassDiversity:
    """The same within each class. Distances are measured in every class, Vendi scores in as many as memory allows.

    Args:
        width: D.
        classes: K.
    """

    def __init__(self, width: int, classes: int, device: torch.device | str = "cpu"):
        self.counts = torch.zeros(classes, dtype=torch.int64)
        self.sums = torch.zeros(classes, width, dtype=torch.float64, device=device)
        matrices = max(1, CLASS_MOMENT_BYTES // (8 * width * width))
        self.moments = {label: UnitMoments(width, device) for label in evenly(classes, matrices)}

    def add(self, features: torch.Tensor, classes: torch.Tensor) -> None:
        """Takes in the features (B, D) of images and their classes, int64 (B,)."""
        classes = classes.to(features.device)
        directed = features.any(1)
        units, classes = unit_rows(features), classes[directed]
        self.sums.index_add_(0, classes, units)
        self.counts += classes.bincount(minlength=len(self.counts)).cpu()
        for label, moments in self.moments.items():
            moments.add(units[classes == label])

    def cosine_distance(self) -> float | None:
        """Mean over the classes with two images or more; None if there is none."""
        counts = self.counts.tolist()
        return _mean(mean_cosine_distance(total, n) for total, n in zip(self.sums, counts, strict=True))

    def vendi_score(self) -> float | None:
        """Mean over the classes that are measured and have two images or more; None if there is none. (One image is
        always like itself.)"""
        return _mean(moments.vendi_score() for moments in self.moments.values() if moments.count > 1)


def mean_cosine_distance(total: torch.Tensor, count: int) -> float | None:
    """Mean of 1 - cos over all pairs of `count` unit vectors with the sum `total`, (D,). None for fewer than two."""
    if count < 2:
        return None
    return 1 - (total.square().sum().item() - count) / (count * (count - 1))


def unit_rows(features: torch.Tensor) -> torch.Tensor:
    """The rows (B, D) that are not zero, scaled to length 1, float64."""
    features = features.double()
    return F.normalize(features[features.any(1)], dim=1, eps=0.0)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
