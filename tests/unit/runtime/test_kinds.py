"""Kinds of values in JSON objects."""

from typing import Any

import pytest

from dfnas.runtime.kinds import ABSENT, misfit

FITTING = [
    (1.5, float),
    (1, float),
    (1, int),
    ("a", int | str),
    (None, float | None),
    (None, None),
    (True, bool),
    ([1, "a"], list),
    ([1, 2.5], list[float]),
    ({"a": {"b": 1.0}}, dict[str, dict[str, float]]),
    ({"a": 1, "more": []}, {"a": int}),
    ({"a": None}, {"a": ({"b": int}, None)}),
    ({}, {"a": (list[str], ABSENT)}),
    ({"a": object()}, {"a": Any}),
]


@pytest.mark.parametrize(("value", "kind"), FITTING)
def test_values_of_their_kind(value, kind):
    assert misfit(value, kind) is None


INNER = {"c": float}
MISFITS = [
    ({"a": "ha"}, {"a": float}, "has \"ha\" for 'a', expected a number"),
    ({"a": True}, {"a": float}, "has true for 'a', expected a number"),
    ({"a": 1.5}, {"a": int}, "has 1.5 for 'a', expected a whole number"),
    ({"a": 10**400}, {"a": float}, f"has {'1' + 39 * '0'}… for 'a', expected a number"),
    ({"a": None}, {"a": str}, "has null for 'a', expected a text"),
    ({"a": 1}, {"a": bool}, "has 1 for 'a', expected true or false"),
    ({"a": 0}, {"a": None}, "has 0 for 'a', expected null"),
    ({"a": "ha"}, {"a": float | None}, "has \"ha\" for 'a', expected a number"),
    ({"a": [1, "ha"]}, {"a": list[float]}, "has \"ha\" for 'a.1', expected a number"),
    ({"a": {"b": {"c": []}}}, {"a": dict[str, INNER]}, "has [] for 'a.b.c', expected a number"),
    ({"a": [1]}, {"a": dict}, "has [1] for 'a', expected an object"),
    ({"a": {}}, {"a": {"b": int}}, "has no 'a.b'"),
    ({}, {"a": Any}, "has no 'a'"),
    ({"a": 1}, {"a": (list[str], ABSENT)}, "has 1 for 'a', expected a list"),
    ([], {"a": int}, "is not an object"),
]


@pytest.mark.parametrize(("value", "kind", "said"), MISFITS)
def test_what_is_said_of_others(value, kind, said):
    assert misfit(value, kind) == said
