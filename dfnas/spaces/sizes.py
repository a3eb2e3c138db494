"""Checks of the sizes that a space is given, so that a mistake is one line and not a traceback from a layer.

Every function returns the value that it accepted and raises InputError, naming the option, otherwise.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from dfnas.runtime.errors import InputError

MOST = 4096
"""Of anything: a mistake beyond it would be found by a machine without memory, and not by a message."""


def whole(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least `least`, and of at most `MOST`."""
    if isinstance(value, int) and value > MOST:
        raise InputError(f"{name} is more than {MOST}; expected a size that a network can have")
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} is {value!r}; expected a whole number, {least} or more")
    return value


def wholes(name: str, values: Any, count: int | None = None, least: int = 1) -> tuple[int, ...]:
    """A non-empty list of whole numbers of at least `least`, with `count` entries if that is given."""
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise InputError(f"{name} is {values!r}; expected a list of whole numbers, {least} or more")
    if count is not None and len(values) != count:
        raise InputError(f"{name} has {len(values)} entries; expected {count}, one for each stage")
    return tuple(whole(f"{name}[{i}]", value, least) for i, value in enumerate(values))


def distinct(name: str, values: Any) -> tuple[int, ...]:
    """A non-empty list of whole numbers from 1 on, none of them twice."""
    values = wholes(name, values)
    if len(set(values)) < len(values):
        raise InputError(f"{name} is {list(values)}; expected each once")
    return values


def strides(name: str, values: Any, count: int) -> tuple[int, ...]:
    """A stride of 1 or 2 for each stage."""
    return tuple(one_of(f"{name}[{i}]", value, (1, 2)) for i, value in enumerate(wholes(name, values, count)))


def one_of(name: str, value: Any, allowed: Iterable[Any]) -> Any:
    """One of a few values."""
    allowed = tuple(allowed)
    if (isinstance(value, bool) and bool not in map(type, allowed)) or value not in allowed:
        raise InputError(f"{name} is {value!r}; expected one of {', '.join(map(str, allowed))}")
    return value


def share(name: str, value: Any) -> float:
    """A probability below one, such as that of dropout."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise InputError(f"{name} is {value!r}; expected a number from 0 to below 1")
    return float(value)
