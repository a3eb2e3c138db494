"""Class names: their own order, and what two lists of them say of each other."""

import pytest

from dfnas.dataset.class_order import check_same_order, natural_order, numbers, positions
from dfnas.runtime.errors import InputError


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["10", "9", "0", "2", "11", "1"], ["0", "1", "2", "9", "10", "11"]),
        (["class10", "class2", "class1"], ["class1", "class2", "class10"]),
        (["n02", "n01", "n10"], ["n01", "n02", "n10"]),
        (["dog", "7", "cat"], ["7", "cat", "dog"]),
        (["01", "1", "001"], ["001", "01", "1"]),
        (["b²", "b", "b10"], ["b", "b10", "b²"]),
    ],
)
def test_names_are_sorted_by_the_numbers_in_them(names, expected):
    assert natural_order(names) == expected


@pytest.mark.parametrize(
    ("names", "others", "expected"),
    [
        (["a", "b"], ["a", "b"], [0, 1]),
        (["a", "b", "c"], ["c", "a", "b"], [1, 2, 0]),
        (["A b", "c-d"], ["C_D", "a  b"], [1, 0]),
        (["1", "0"], ["0", "1"], [1, 0]),
        (["crane", "cat", "crane"], ["crane", "cat", "crane"], [0, 1, 2]),  # as ImageNet has two
        (["auto", "cat", "dog"], ["automobile", "cat", "dog"], None),  # in place as far as one can tell
        (["auto", "cat"], ["automobile", "cat"], None),
        (["a", "b"], ["x", "y"], None),
        (["1", "2", "3"], numbers(3), None),  # from 1 on: the places of numbers say nothing
        (numbers(3), ["1", "2", "3"], None),
    ],
)
def test_places_among_other_names(names, others, expected):
    assert positions(names, others, "data", "teacher") == expected


@pytest.mark.parametrize(
    ("names", "others", "story"),
    [
        (["a", "b", "c"], ["b", "a", "x"], "'c', 'x' only in one of them"),
        (["a", "b", "c"], ["a", "x", "y"], "'b', 'c', 'x' and 1 more only in one of them"),
        (["a", "b", "c", "d"], ["b", "a", "c", "e"], "'d', 'e' only in one of them"),
        (["a", "b"], ["a", "b", "c"], "'c' only in one of them"),
        (["a", "a", "b"], ["b", "a", "a"], "some of them several times"),
        (["Cat", "cat"], ["cat", "CAT", "dog"], "'dog' only in one of them"),
    ],
)
def test_names_that_cannot_be_matched_are_an_error(names, others, story):
    with pytest.raises(InputError, match=story) as caught:
        positions(names, others, "data", "teacher")
    assert "set teacher.class_names" in str(caught.value)


def test_a_thousand_names_stay_one_short_line():
    with pytest.raises(InputError) as caught:
        positions([f"a{i}" for i in range(1000)], [f"a{i}" for i in range(500, 1500)], "data", "teacher")
    assert len(str(caught.value)) < 500


def test_the_same_order_is_known_unknown_or_an_error():
    assert check_same_order(["a", "b"], ["A", "B"], "data", "teacher")
    assert not check_same_order(["a", "b"], ["x", "y"], "data", "teacher")
    with pytest.raises(InputError, match="'b' is class 0 in one and class 1 in the other"):
        check_same_order(["b", "a"], ["a", "b"], "data", "teacher")
