"""Fréchet distance against closed forms and scipy's root of a matrix."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from dfnas.measure.frechet import GaussianMoments, frechet_distance

seeds = st.integers(0, 999)


def features_of(count: int, width: int, seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    mixing = torch.randn(width, width, generator=rng, dtype=torch.float64)
    return torch.randn(count, width, generator=rng, dtype=torch.float64) @ mixing + torch.randn(width, generator=rng)


def moments_of(features: torch.Tensor, batch_size: int = 10000) -> GaussianMoments:
    moments = GaussianMoments(features.shape[1])
    for batch in features.split(batch_size):
        moments.add(batch)
    return moments


def exact(mean: list[float], variances: list[float]) -> GaussianMoments:
    """Features with exactly these moments along the axes: two points on each, two widths from the mean."""
    width = len(mean)
    points = torch.diag(torch.tensor(variances, dtype=torch.float64).mul((2 * width - 1) / 2).sqrt())
    return moments_of(torch.cat([points, -points]) + torch.tensor(mean, dtype=torch.float64))


@given(count=st.integers(2, 30), batch_size=st.integers(1, 30), seed=seeds)
def test_moments_are_those_of_numpy_whatever_the_batches(count, batch_size, seed):
    features = features_of(count, 4, seed) + 1e4
    moments = moments_of(features, batch_size)
    np.testing.assert_allclose(moments.mean.numpy(), features.numpy().mean(0))
    np.testing.assert_allclose(moments.covariance().numpy(), np.cov(features.numpy(), rowvar=False), atol=1e-8)


@given(count=st.integers(4, 30), seed=seeds)
def test_merged_moments_are_those_of_all(count, seed):
    features = features_of(count, 3, seed)
    merged = GaussianMoments.merged([moments_of(features[:2]), moments_of(features[2:])])
    whole = moments_of(features)
    torch.testing.assert_close(merged.covariance(), whole.covariance())
    assert merged.count == count


def test_gaussians_along_the_axes():
    """d² = ‖m₁ - m₂‖² + Σ (√v₁ - √v₂)² for diagonal covariances."""
    a, b = exact([1.0, 2.0], [4.0, 9.0]), exact([4.0, 6.0], [1.0, 25.0])
    torch.testing.assert_close(a.covariance(), torch.diag(torch.tensor([4.0, 9.0])).double())
    assert frechet_distance(a, b) == pytest.approx(9 + 16 + (2 - 1) ** 2 + (3 - 5) ** 2)


@given(width=st.integers(1, 6), seed=seeds)
def test_it_is_what_a_root_of_a_matrix_gives(width, seed):
    a, b = moments_of(features_of(40, width, seed)), moments_of(features_of(30, width, seed + 1))
    first, second = a.covariance().numpy(), b.covariance().numpy()
    root = np.real(sqrtm(first @ second))
    expected = ((a.mean - b.mean) ** 2).sum().item() + np.trace(first + second - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(seed=seeds, count=st.integers(2, 12))
def test_it_is_a_distance_even_between_covariances_without_full_rank(seed, count):
    a, b = moments_of(features_of(count, 8, seed)), moments_of(features_of(5, 8, seed + 1))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)
    assert frechet_distance(a, b) > 0
