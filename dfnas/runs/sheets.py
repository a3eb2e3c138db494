"""Figures by rows and columns, and what differs between two such sheets."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Key = tuple[str, ...]
Sheet = Mapping[Key, Mapping[str, Any]]
"""Rows by what names them, each with its values by column. A column that a row has not is no value."""


class Change(NamedTuple):
    """One value that differs."""

    key: Key
    column: str
    values: tuple[Any, Any]
    """Of the first and of the second; None where it has none."""


class Differences(NamedTuple):
    """What differs between two sheets."""

    only: tuple[list[Key], list[Key]]
    """Rows of the first alone, and of the second alone."""
    changes: list[Change]
    """In rows of both."""
    same: int
    """Rows without a difference."""

    def __bool__(self) -> bool:
        return bool(self.changes or any(self.only))

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "only_first": [list(key) for key in self.only[0]],
            "only_second": [list(key) for key in self.only[1]],
            "changes": [
                {"of": list(change.key), "name": change.column, "first": change.values[0], "second": change.values[1]}
                for change in self.changes
            ],
            "same": self.same,
        }


def differences(first: Sheet, second: Sheet) -> Differences:
    """What differs, in the order of the first sheet, then of the second."""
    only = [key for key in first if key not in second], [key for key in second if key not in first]
    both = [key for key in first if key in second]
    changes = [change for key in both for change in _changes(key, first[key], second[key])]
    return Differences(only, changes, len(both) - len({change.key for change in changes}))


def _changes(key: Key, first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Change]:
    for column in dict.fromkeys((*first, *second)):
        values = first.get(column), second.get(column)
        if values[0] != values[1]:
            yield Change(key, column, values)


def flattened(values: Any, place: str = "") -> dict[str, Any]:
    """Nested mappings, and lists of them, as one level: {"a": {"b": 1}} becomes {"a.b": 1}. An empty mapping inside is
    a value; a value alone stands under an empty name."""
    if isinstance(values, list) and values and all(isinstance(value, Mapping) for value in values):
        values = dict(enumerate(values))
    if not isinstance(values, Mapping) or (place and not values):
        return {place: values}
    inner = ((f"{place}.{name}" if place else str(name), value) for name, value in values.items())
    return {name: value for where, under in inner for name, value in flattened(under, where).items()}
