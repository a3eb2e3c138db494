"""The paired bootstrap, against closed forms, plain resampling, and made-up comparisons of which the truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfnas.measure import bootstrap
from dfnas.measure.bootstrap import paired_difference

GROUPS = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 30), st.integers(0, 999))


def errors(seeds: int, images: int, share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((seeds, images)) < share


@given(GROUPS)
def test_a_difference_lies_in_its_interval_and_turns_with_the_groups(sizes):
    first, second, images, seed = sizes
    one, other = errors(first, images, 0.4, seed), errors(second, images, 0.3, seed + 1)
    found, turned = paired_difference(one, other, 400, seed), paired_difference(other, one, 400, seed)
    assert found.estimate == pytest.approx(one.mean() - other.mean())
    assert found.estimate == pytest.approx(-turned.estimate)
    assert -1 <= found.low <= found.high <= 1
    assert 0 < found.p_value <= 1
    assert found == paired_difference(one, other, 400, seed)


@given(GROUPS)
def test_the_order_of_images_is_nothing_and_a_group_does_not_differ_from_itself(sizes):
    first, _, images, seed = sizes
    one, other = errors(first, images, 0.4, seed), errors(first, images, 0.3, seed + 1)
    order = np.random.default_rng(seed).permutation(images)
    assert paired_difference(one, other, 200, seed) == paired_difference(one[:, order], other[:, order], 200, seed)
    single = one[:1]
    assert paired_difference(single, single, 200, seed) == (0, 0, 0, 1)  # paired: whatever is drawn, both err alike


def spread(one: np.ndarray, other: np.ndarray, draws: int = 40_000) -> float:
    """Standard deviation of the draws, from the width of the interval of a normal distribution."""
    found = paired_difference(one, other, draws, 0)
    return (found.high - found.low) / (2 * 1.959964)


def test_single_networks_have_the_spread_of_paired_images():
    """With one seed a draw is the mean of N paired differences d: variance var(d) / N."""
    one, other = errors(1, 4000, 0.4, 1), errors(1, 4000, 0.3, 2)
    paired = (one[0].astype(float) - other[0]).std() / 4000**0.5
    assert spread(one, other) == pytest.approx(paired, rel=0.02)
    # Networks that err on the same images but for a few are compared by those few.
    alike = one ^ errors(1, 4000, 0.01, 3)
    assert spread(one, alike) == pytest.approx((one[0].astype(float) - alike[0]).std() / 4000**0.5, rel=0.03)
    assert spread(one, alike) < spread(one, other) / 4


def test_seeds_have_the_spread_of_their_sample():
    """Where images are many, what is left is the variance of a mean over seeds: s² / R for each group, with s² of the
    sample, over R - 1."""
    shares = np.array([0.10, 0.14, 0.17, 0.21, 0.28, 0.30])
    images = 100_000
    one = np.arange(images) < (images * shares[:, None])
    other = np.arange(images) < (images * (shares[::-1, None] * 0.5))
    expected = np.sqrt(shares.var(ddof=1) / 6 * (1 + 0.25))
    assert spread(one, other) == pytest.approx(expected, rel=0.04)


def test_draws_are_those_of_plain_resampling():
    """Patterns are a shorter way to the same distribution: indices of images and seeds, drawn one by one."""
    one, other = errors(3, 60, 0.4, 1), errors(2, 60, 0.15, 2)
    rng = np.random.default_rng(7)
    plain = []
    for _ in range(20_000):
        images = rng.integers(60, size=60)
        first, second = rng.integers(3, size=2), rng.integers(2, size=1)
        plain.append(one[first][:, images].mean() - other[second][:, images].mean())
    found = paired_difference(one, other, 20_000, 0)
    assert [found.low, found.high] == pytest.approx(np.quantile(plain, [0.025, 0.975]).tolist(), abs=0.01)
    assert found.p_value == pytest.approx(2 * np.mean(np.array(plain) <= 0), abs=0.01)


def test_pieces_of_the_draws_do_not_show(monkeypatch):
    one, other = errors(3, 60, 0.4, 1), errors(3, 60, 0.3, 2)
    whole = paired_difference(one, other, 501, 0)
    monkeypatch.setattr(bootstrap, "VALUES_AT_ONCE", 100)
    assert paired_difference(one, other, 501, 0) == whole


def networks(rng: np.random.Generator, skills: np.ndarray, hardness: np.ndarray) -> np.ndarray:
    """Errors (R, N) of networks on images: the chance of one is logistic in hardness minus skill."""
    return rng.random((len(skills), len(hardness))) < 1 / (1 + np.exp(skills[:, None] - hardness))


@pytest.mark.parametrize("between_seeds", [0.0, 0.5])
def test_a_difference_that_is_not_there_is_seldom_seen_and_one_that_is_is_found(between_seeds):
    """Three seeds and 450 images, as the embedded default has them."""
    rng, seen, found = np.random.default_rng(0), [], []
    for trial in range(200):
        hardness, skills = rng.normal(0, 2, 450), rng.normal(3, between_seeds, (3, 3))
        base, same = networks(rng, skills[0], hardness), networks(rng, skills[1], hardness)
        worse = networks(rng, skills[2] - 2, hardness)
        seen.append(paired_difference(same, base, 500, trial).significant)
        found.append(paired_difference(worse, base, 500, trial))
    assert np.mean(seen) <= 0.06
    assert np.mean([one.significant and one.low > 0 for one in found]) > 0.9
