"""The paired bootstrap, against closed forms, plain resampling, and made-up comparisons of which the truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfnas.measure import bootstrap
from dfnas.measure.bootstrap import LEVEL, Difference, degrees_of_freedom, differs, paired_difference

GROUPS = st.tuples(st.integers(2, 4), st.integers(2, 4), st.integers(2, 30), st.integers(0, 999))


def errors(seeds: int, images: int, share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((seeds, images)) < share


@given(GROUPS)
def test_a_difference_lies_in_its_interval_and_turns_with_the_groups(sizes):
    first, second, images, seed = sizes
    one, other = errors(first, images, 0.4, seed), errors(second, images, 0.3, seed + 1)
    found, turned = paired_difference(one, other, 400, seed), paired_difference(other, one, 400, seed)
    assert found.estimate == pytest.approx(one.mean() - other.mean())
    assert found.estimate == pytest.approx(-turned.estimate)
    assert found.low <= found.estimate <= found.high
    assert 0 < found.p_value <= 1
    assert (found.low > 0 or found.high < 0) == (found.p_value < LEVEL) == found.significant
    assert found == paired_difference(one, other, 400, seed)


@pytest.mark.parametrize("draws", [100, 399, 1000, 9999])
def test_an_interval_leaves_out_0_if_and_only_if_p_is_below_the_level(draws):
    """Also where as many draws as can be lie beyond 0, or one more."""
    verdicts = set()
    for beyond in range(draws // 20):
        for side in (-1.0, 1.0):
            found = bootstrap._summary(0.0, np.where(np.arange(draws) < beyond, side, -side))
            assert (found.low > 0 or found.high < 0) == (found.p_value < LEVEL)
            verdicts.add(found.significant)
    assert verdicts == {False, True}


@given(GROUPS)
def test_the_order_of_images_is_nothing_and_a_group_does_not_differ_from_itself(sizes):
    first, second, images, seed = sizes
    one, other = errors(first, images, 0.4, seed), errors(second, images, 0.3, seed + 1)
    order = np.random.default_rng(seed).permutation(images)
    assert paired_difference(one, other, 200, seed) == paired_difference(one[:, order], other[:, order], 200, seed)
    assert not paired_difference(one, one, 200, seed).significant


@pytest.mark.parametrize("seeds", [(1, 1), (1, 3), (10, 1)])
def test_one_seed_says_nothing_of_others(seeds):
    one, other = (errors(count, 50, 0.4, count) for count in seeds)
    assert paired_difference(one, other, 200, 0) == Difference(one.mean() - other.mean(), None, None, None)
    assert not paired_difference(one, other, 200, 0).significant
    assert paired_difference(errors(3, 1, 0.4, 0), errors(3, 1, 0.4, 1), 200, 0).p_value is None  # nor one image


def test_groups_without_any_spread():
    """All right against all wrong: as far from 0 as that many draws can say. Both all right: no difference."""
    right, wrong = np.zeros((2, 40), bool), np.ones((3, 40), bool)
    assert paired_difference(wrong, right, 399, 0) == (1, 1, 1, 2 / 400)
    assert paired_difference(right, right[:1].repeat(3, 0), 399, 0) == (0, 0, 0, 1)


def half_width(one: np.ndarray, other: np.ndarray) -> float:
    found = paired_difference(one, other, 100_000, 0)
    return (found.high - found.low) / 2


def test_many_seeds_have_the_tail_of_student():
    """Where images are many and agreed on, what is left is s / √R times the quantile of t; of another group without a
    spread nothing is added. 2.571 at 5 degrees of freedom, 12.71 at one."""
    shares = np.array([0.10, 0.14, 0.17, 0.21, 0.28, 0.30])
    images = 100_000
    one = np.arange(images) < images * shares[:, None]
    other = np.zeros((6, images), bool)
    assert half_width(one, other) == pytest.approx(2.571 * shares.std(ddof=1) / 6**0.5, rel=0.02)
    assert half_width(one[:2], other) == pytest.approx(12.71 * shares[:2].std(ddof=1) / 2**0.5, rel=0.06)


def test_two_groups_of_few_seeds_have_a_tail_between_their_own_and_welchs():
    """Of three seeds each, alike in spread: Welch has 4 degrees of freedom, one group 2; the harmonic mean is 8 / 3."""
    quantile = np.quantile(np.abs(np.random.default_rng(0).standard_t(8 / 3, 1_000_000)), 0.95)
    images = 100_000
    shares = np.array([0.2, 0.22, 0.24])
    one, other = (np.arange(images) < images * (shares + shift)[:, None] for shift in (0, 0.2))
    expected = quantile * (2 * shares.var(ddof=1) / 3) ** 0.5
    assert half_width(one, other) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(
    ("parts", "seeds", "expected"),
    [
        ([1, 1], (3, 3), 8 / 3),
        ([1, 0], (3, 3), 2),  # all of it comes from one group, whose own it then is
        ([1, 0], (3, 10), 2),
        ([0, 1], (3, 10), 2 / (1 / 3.307 + 1 / 2)),  # Welch's 9 count as those of variances that are alike
        ([0, 0], (4, 3), 2),
        ([1, 1], (50, 50), 2 / (1 / 98 + 1 / 49)),
    ],
)
def test_degrees_of_freedom(parts, seeds, expected):
    assert degrees_of_freedom(parts, seeds) == pytest.approx(expected, rel=1e-3)


def test_images_count_where_all_seeds_agree_on_them():
    """Networks of a group that err on the same images differ by no seed: what varies is the mean of N paired
    differences d, with the variance var(d) / N."""
    one, other = (errors(1, 4000, 0.4, seed).repeat(3, 0) for seed in (1, 2))
    paired = (one[0].astype(float) - other[0]).std() / 4000**0.5
    assert half_width(one, other) == pytest.approx(1.96 * paired, rel=0.02)
    # Groups that err on the same images but for a few are compared by those few.
    alike = one ^ errors(1, 4000, 0.01, 3)
    paired = (one[0].astype(float) - alike[0]).std() / 4000**0.5
    assert half_width(one, alike) == pytest.approx(1.96 * paired, rel=0.03)


def test_chance_on_single_images_is_the_least_that_seeds_vary_by():
    """Three seeds that err on as many images, but on other ones: p (1 - p) / N for each, and three of them."""
    images, count = 3000, 600
    one = np.zeros((3, images), bool)
    for seed in range(3):
        one[seed, np.random.default_rng(seed).permutation(images)[:count]] = True
    other = np.zeros((3, images), bool)
    expected = 1.96 * (0.2 * 0.8 / images / 3) ** 0.5
    assert half_width(one, other) == pytest.approx(expected, rel=0.05)


def test_components_are_those_of_an_analysis_of_variance():
    one = errors(4, 70, 0.4, 1)
    rest = one - one.mean(1, keepdims=True) - one.mean(0) + one.mean()
    group = bootstrap._group(one)
    assert group.chance == pytest.approx((rest**2).sum() / (3 * 69) / 70)
    assert group.spread == pytest.approx(one.mean(1).std(ddof=1))


def test_means_of_two_seeds_differ_beyond_seven_spreads():
    """With 4 / 3 degrees of freedom 95 % lie within 7.0 standard errors, which are spreads for two seeds each."""
    for distance, beyond in ((6.0, False), (8.5, True)):
        assert differs((distance, 0.0), (1.0, 1.0), (2, 2), 10_000) is beyond
    assert differs((1e-9, 0.0), (0.0, 0.0), (2, 2), 100)
    assert not differs((1.0, 1.0), (0.0, 0.0), (2, 2), 100)


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
    assert np.mean([one.significant and one.low > 0 for one in found]) > 0.7


@pytest.mark.parametrize("seeds", [(2, 2), (2, 3), (3, 3), (3, 10)])
@pytest.mark.parametrize("spreads", [(0.3, 0.3), (0.5, 0.05), (0.05, 0.5)])
def test_many_images_and_few_seeds_keep_the_level(seeds, spreads):
    """With 10,000 images seeds are nearly all that varies, also where those of one group vary more."""
    rng, seen = np.random.default_rng(1), []
    for trial in range(200):
        hardness = rng.normal(0, 2, 10_000)
        sides = [networks(rng, rng.normal(3, *of), hardness) for of in zip(spreads, seeds, strict=True)]
        seen.append(paired_difference(*sides, 500, trial).significant)
    assert np.mean(seen) <= 0.085  # 0.05 and two standard errors of 200 trials


@pytest.mark.parametrize("seeds", [3, 10])
def test_groups_that_differ_by_image_and_not_on_average_keep_the_level(seeds):
    """Each group has images of its own that it finds hard; which of them are among the test images is chance."""
    rng, seen = np.random.default_rng(2), []
    for trial in range(200):
        hardness = rng.normal(0, 2, 450)
        sides = [networks(rng, rng.normal(3, 0.1, seeds), hardness + rng.normal(0, 2, 450)) for _ in range(2)]
        seen.append(paired_difference(*sides, 500, trial).significant)
    assert np.mean(seen) <= 0.085
