"""Fréchet distance between two sets of features, each taken for a Gaussian.

    d² = ‖m₁ - m₂‖² + tr(S₁ + S₂ - 2 (S₁ S₂)^½)

(Dowson and Landau 1982; Heusel et al. 2017, equation 6: "FID" is this d², in Inception's features.) S₁ S₂ has the
eigenvalues of the symmetric S₁^½ S₂ S₁^½, which are real and not negative; the trace of the root is the sum of their
roots. So no root of a general matrix is needed, and covariances of less than full rank do no harm.

Shapes: B batch, D features.
"""

from collections.abc import Iterable

import torch


class GaussianMoments:
    """Mean and covariance of features, kept in float64 as count, mean and scatter: batches are merged without
    cancellation (Chan, Golub and LeVeque 1983, equation 2.1).

    Args:
        width: D.
    """

    def __init__(self, width: int):
        self.count = 0
        self.mean = torch.zeros(width, dtype=torch.float64)
        self.scatter = torch.zeros(width, width, dtype=torch.float64)

    @classmethod
    def merged(cls, parts: Iterable["GaussianMoments"]) -> "GaussianMoments":
        """The moments of all features together."""
        parts = list(parts)
        whole = cls(len(parts[0].mean))
        for part in parts:
            whole._merge(part.count, part.mean, part.scatter)
        return whole

    def add(self, features: torch.Tensor) -> None:
        """Takes in features (B, D), B at least 1."""
        features = features.double()
        mean = features.mean(0)
        centred = features - mean
        self._merge(len(features), mean.cpu(), (centred.T @ centred).cpu())

    def _merge(self, count: int, mean: torch.Tensor, scatter: torch.Tensor) -> None:
        if not count:
            return
        total, apart = self.count + count, mean - self.mean
        self.scatter = self.scatter + scatter + torch.outer(apart, apart) * (self.count * count / total)
        self.mean = self.mean + apart * (count / total)
        self.count = total

    def covariance(self) -> torch.Tensor:
        """(D, D), of at least two features; unbiased."""
        assert self.count > 1, self.count
        return self.scatter / (self.count - 1)


def frechet_distance(a: GaussianMoments, b: GaussianMoments) -> float:
    """d² between two sets of at least two features each: 0 or more, in squared units of the features."""
    first, second = a.covariance(), b.covariance()
    values, vectors = torch.linalg.eigh(first)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T  # S₁^½
    product = root @ second @ root
    eigenvalues = torch.linalg.eigvalsh((product + product.T) / 2).clamp_min(0)
    squared = (a.mean - b.mean).square().sum() + first.trace() + second.trace() - 2 * eigenvalues.sqrt().sum()
    return max(0.0, squared.item())  # rounding may leave less than nothing of two equal sets
