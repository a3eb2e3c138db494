"""Stratified splits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dfnas.dataset.split import check_classes, held_out, limited
from dfnas.runtime.errors import InputError

classes_twice = st.lists(st.integers(2, 30), min_size=1, max_size=6).flatmap(
    lambda counts: st.permutations([label for label, n in enumerate(counts) for _ in range(n)]).map(np.array)
)


@given(classes=classes_twice, fraction=st.floats(0.01, 0.99), seed=st.integers(0, 2**40))
def test_every_class_is_split_by_the_fraction_and_keeps_one_image_on_each_side(classes, fraction, seed):
    chosen = held_out(classes, fraction, seed, "validation")
    for label in np.unique(classes):
        n, out = (classes == label).sum(), chosen[classes == label].sum()
        assert out == np.clip(round(n * fraction), 1, n - 1)


def test_a_split_is_a_function_of_seed_and_purpose():
    classes = np.arange(60) % 3
    first = held_out(classes, 0.3, 0, "validation")
    assert np.array_equal(first, held_out(classes, 0.3, 0, "validation"))
    assert not np.array_equal(first, held_out(classes, 0.3, 1, "validation"))
    assert not np.array_equal(first, held_out(classes, 0.3, 0, "test"))


def test_every_image_is_held_out_equally_often():
    classes = np.repeat([0, 1], 20)
    counts = sum(held_out(classes, 0.25, seed, "x").astype(int) for seed in range(800))
    assert counts.sum() == 800 * 10
    assert np.abs(counts - 200).max() < 5 * np.sqrt(800 * 0.25 * 0.75)


def test_a_class_of_one_image_cannot_be_split():
    with pytest.raises(InputError, match="class 1 has 1 image"):
        held_out(np.array([0, 0, 1]), 0.5, 0)


@given(classes=arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 4)), limit=st.integers(0, 70))
def test_a_limit_takes_as_evenly_as_the_classes_allow(classes, limit):
    chosen = limited(classes, limit, 0)
    assert len(chosen) == (min(limit, len(classes)) or len(classes))
    assert np.array_equal(chosen, np.unique(chosen))
    taken, there = (np.bincount(values, minlength=5) for values in (classes[chosen], classes))
    for label in range(5):  # nobody who has images left gets two fewer than another
        assert taken[label] == there[label] or taken[label] >= taken.max() - 1


def test_a_limit_draws_by_the_seed():
    classes = np.arange(100) % 2
    assert not np.array_equal(limited(classes, 10, 0), limited(classes, 10, 1))


@pytest.mark.parametrize(
    ("classes", "story"),
    [
        ([0, 2], r"no image of class 1 \(1 of 3"),
        ([], "no image of class 0"),
        ([0, 1, 2, 3], "has class 3"),
        ([-1, 0, 1, 2], "class"),
    ],
)
def test_classes_must_be_all_there_and_no_others(classes, story):
    with pytest.raises(InputError, match=story):
        check_classes(np.array(classes, dtype=np.int64), 3, "the data")
    check_classes(np.array([2, 0, 1, 1]), 3, "the data")
