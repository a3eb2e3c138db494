"""Vendi score and cosine distance from second moments, against closed forms and the kernel of all pairs."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dfnas.measure import diversity
from dfnas.measure.choice import evenly
from dfnas.measure.diversity import ClassDiversity, UnitMoments

counts, widths, seeds = st.integers(2, 12), st.integers(1, 6), st.integers(0, 999)


def features_of(count: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.5


def moments_of(features: torch.Tensor, batch_size: int = 1000) -> UnitMoments:
    moments = UnitMoments(features.shape[1])
    for batch in features.split(batch_size):
        moments.add(batch)
    return moments


def by_pairs(features: torch.Tensor) -> tuple[float, float]:
    """Mean cosine distance and Vendi score from the N x N kernel, as they are defined."""
    units = features / features.norm(dim=1, keepdim=True)
    kernel, count = units @ units.T, len(units)
    distances = [1 - kernel[i, j].item() for i in range(count) for j in range(count) if i != j]
    eigenvalues = [value for value in torch.linalg.eigvalsh(kernel / count).tolist() if value > 1e-15]
    return sum(distances) / len(distances), math.exp(-sum(value * math.log(value) for value in eigenvalues))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_orthogonal_features_score_their_number_and_identical_ones_one(count):
    assert moments_of(torch.eye(9)[:count] * 3).vendi_score() == pytest.approx(count)
    assert moments_of(torch.tensor([[1.0, 2.0, 2.0]]).expand(count, 3)).vendi_score() == pytest.approx(1)


@given(count=counts, width=widths, seed=seeds, batch_size=st.integers(1, 12))
def test_moments_give_what_all_pairs_give(count, width, seed, batch_size):
    features = features_of(count, width, seed)
    moments = moments_of(features, batch_size)
    distance, score = by_pairs(features)
    assert moments.cosine_distance() == pytest.approx(distance, abs=1e-12)
    assert moments.vendi_score() == pytest.approx(score, rel=1e-9)
    assert 1 - 1e-12 <= moments.vendi_score() <= min(count, width) + 1e-9


@given(count=counts, width=widths, seed=seeds, scale=st.floats(1e-3, 1e3))
def test_neither_depends_on_scale_order_or_repetition(count, width, seed, scale):
    features = features_of(count, width, seed)
    plain, scaled, twice = (moments_of(f) for f in (features, scale * features.flip(0), features.repeat(2, 1)))
    assert scaled.vendi_score() == pytest.approx(plain.vendi_score())
    assert scaled.cosine_distance() == pytest.approx(plain.cosine_distance())
    assert twice.vendi_score() == pytest.approx(plain.vendi_score())


def test_too_few_images_have_no_distance_and_zeros_no_direction():
    assert moments_of(torch.ones(1, 3)).cosine_distance() is None
    assert moments_of(torch.zeros(4, 3)).vendi_score() is None
    assert moments_of(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).cosine_distance() == pytest.approx(1)


@given(seed=seeds, batch_size=st.integers(1, 20))
def test_within_classes_is_the_mean_over_the_classes(seed, batch_size):
    features = features_of(20, 4, seed)
    classes = torch.randint(3, (20,), generator=torch.Generator().manual_seed(seed + 1))
    within = ClassDiversity(4, 5)  # two classes without images
    for batch, labels in zip(features.split(batch_size), classes.split(batch_size), strict=True):
        within.add(batch, labels)
    groups = [moments_of(features[classes == label]) for label in range(3)]
    distances = [moments.cosine_distance() for moments in groups if moments.count > 1]
    scores = [moments.vendi_score() for moments in groups if moments.count > 1]
    assert within.cosine_distance() == pytest.approx(sum(distances) / len(distances))
    assert within.vendi_score() == pytest.approx(sum(scores) / len(scores))


def test_one_image_a_class_has_no_diversity():
    within = ClassDiversity(4, 3)
    within.add(torch.rand(3, 4), torch.arange(3))
    assert (within.cosine_distance(), within.vendi_score()) == (None, None)


def test_memory_by_class_is_bounded(monkeypatch):
    monkeypatch.setattr(diversity, "CLASS_MOMENT_BYTES", 3 * 8 * 4 * 4)
    assert list(ClassDiversity(4, 101).moments) == [0, 50, 100]


@given(count=st.integers(1, 2000), most=st.integers(1, 40))
def test_an_even_choice_is_bounded_ordered_and_spread(count, most):
    chosen = evenly(count, most)
    assert len(chosen) == min(count, most)
    assert chosen == sorted(set(chosen))
    assert chosen[0] == 0
    assert len(chosen) == 1 or chosen[-1] == count - 1
    gaps = [b - a for a, b in itertools.pairwise(chosen)]
    assert not gaps or max(gaps) - min(gaps) <= 1
