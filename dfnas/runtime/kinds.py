"""Kinds of values in a JSON object, as a reader expects them, and the words about a value that is of another one.

A kind is str, bool, int, float (any number), dict, list or None; list[…] or dict[str, …] of kinds; or a mapping from
each key that an object must have to the kind of its value. Of several, as `float | None` or in a tuple, one will do;
ABSENT among them says that the key may be missing. With Any every value will do.
"""

import json
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

Kinds = Mapping[str, Any]

ABSENT = object()
NAMES = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "an object",
    list: "a list",
    NoneType: "null",
}
LARGEST = 2**63
"""Whole numbers are below it: a longer one may be too large for a float."""
SHOWN = 40
"""Characters of a wrong value."""


def misfit(value: Any, kind: Any, place: str = "") -> str | None:
    """What is wrong with a value, as the end of a sentence about its file; None if it is of that kind.

    Args:
        place: of the value, its keys joined by dots.
    """
    if isinstance(kind, UnionType | tuple):
        faults = [misfit(value, one, place) for one in get_args(kind) or kind]
        return None if None in faults else faults[0]
    if value is ABSENT or kind is ABSENT:
        return None if value is kind else f"has no '{place}'"
    if kind is Any:
        return None
    outer = dict if isinstance(kind, Mapping) else get_origin(kind) or kind or NoneType
    if not _is_a(value, outer):
        return f"has {_short(value)} for '{place}', expected {NAMES[outer]}" if place else f"is not {NAMES[outer]}"
    prefix = f"{place}." if place else ""
    faults = (misfit(part, inner, f"{prefix}{name}") for name, part, inner in _inside(value, kind))
    return next(filter(None, faults), None)


def _inside(value: Any, kind: Any) -> Iterator[tuple[str | int, Any, Any]]:
    """Name, value and kind of everything inside a value of which something is expected."""
    if isinstance(kind, Mapping):
        yield from ((key, value.get(key, ABSENT), inner) for key, inner in kind.items())
    elif get_args(kind):
        inner = get_args(kind)[-1]
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        yield from ((name, part, inner) for name, part in parts)


def _is_a(value: Any, kind: type) -> bool:
    if kind in (int, float) and isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < LARGEST
    return isinstance(value, kind)


def _short(value: Any) -> str:
    text = " ".join(json.dumps(value, ensure_ascii=False)[: 2 * SHOWN].split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
