"""The options of a space, held against what its constructor says of them: names, and types by hint or default.

YAML and the command line know numbers, texts and lists. What a constructor wants as a tuple it gets as a tuple; a text
for a number, or a number with a point where a whole one is expected, is a mistake and not converted.
"""

import inspect
import json
from collections.abc import Mapping, Sequence
from inspect import Parameter
from types import GenericAlias, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from dfnas.runtime.errors import InputError
from dfnas.runtime.users_code import definition
from dfnas.spaces.space import Space

ANYTHING = Any
NUMBER = int | float
PLAIN = {bool: "true or false", int: "a whole number", float: "a number", NUMBER: "a number", str: "a text"}
PLAIN |= {NoneType: "null"}
LISTS = {bool: "flags", int: "whole numbers", float: "numbers", NUMBER: "numbers", str: "texts"}
BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.VAR_POSITIONAL)
OF_ANY_NAME = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def checked_options(name: str, space: type[Space], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the space's constructor wants them.

    Args:
        name: of the space, for the complaints.

    Raises:
        InputError: the constructor takes no task, an option that it does not take or lacks, or one of another type.
    """
    own = list(inspect.signature(space).parameters.values())
    _check_task(name, space, own[:1], options)
    known = [parameter.name for parameter in own[1:] if parameter.kind not in OF_ANY_NAME]
    if not any(parameter.kind is Parameter.VAR_KEYWORD for parameter in own):
        for option in options:
            if option not in known:
                raise InputError(
                    f"the space '{name}' takes no option '{option}'; it takes {', '.join(known) or 'none at all'}"
                )
    for parameter in own[1:]:
        needed = parameter.default is Parameter.empty and parameter.kind not in OF_ANY_NAME
        if needed and parameter.name not in options:
            raise InputError(f"the space '{name}' needs the option '{parameter.name}'; none is given")
    wanted = _wanted(space)
    return {option: _converted(name, option, value, *wanted.get(option, _FREE)) for option, value in options.items()}


_FREE = (ANYTHING, Parameter.empty)


def _check_task(name: str, space: type[Space], first: Sequence[Parameter], options: Mapping[str, Any]) -> None:
    """Raises InputError unless what comes first in a constructor can be the task."""
    hint = _hints(space).get(first[0].name, ANYTHING) if first else ANYTHING
    takes = first and first[0].kind in BY_PLACE and first[0].default in (Parameter.empty, None)
    if not takes or first[0].name in options or hint in PLAIN:
        raise InputError(
            f"the space '{name}' cannot be made: its constructor takes no task ({definition(space)}); "
            "expected def __init__(self, task, *, ...) with the options after the star"
        )


def _wanted(space: type[Space]) -> dict[str, tuple[Any, Any]]:
    """Hint and default of every option. A constructor that takes any name hands on to that of the class before it."""
    wanted: dict[str, tuple[Any, Any]] = {}
    for kind in space.__mro__:
        if "__init__" not in vars(kind) or kind is object:
            continue
        hints, parameters = _hints(kind), list(inspect.signature(vars(kind)["__init__"]).parameters.values())[2:]
        for parameter in parameters:
            if parameter.kind not in OF_ANY_NAME:
                wanted.setdefault(parameter.name, (hints.get(parameter.name, ANYTHING), parameter.default))
        if not any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters):
            break
    return wanted


def _hints(space: type[Space]) -> dict[str, Any]:
    """The hints of a constructor, as far as they mean something outside of a type checker."""
    try:
        return get_type_hints(space.__init__)
    except (NameError, AttributeError, TypeError):
        return {}


def _converted(name: str, option: str, value: Any, hint: Any, default: Any) -> Any:
    """An option in its type. Raises InputError where it is of another, however near."""
    if default is not Parameter.empty and type(value) is type(default) and value == default:
        return value
    meant = hint if hint is not ANYTHING else _type_of(default)
    if meant is ANYTHING:
        return value
    try:
        adapter = TypeAdapter(meant)
    except PydanticUserError:  # a type of the user's own, which no file can hold
        return value
    try:
        # By way of JSON, where strict checking takes a list for a tuple and 1 for 1.0, and nothing else for another.
        return adapter.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        why = "" if hint is not ANYTHING else f", as its default {default!r} is; a type hint can say otherwise"
        fault = error.errors(include_url=False)[0]
        words = _words(meant) or f"{_shown(meant)}: {fault['msg'][0].lower()}{fault['msg'][1:]}"
        raise InputError(f"the space '{name}' cannot be made: {option} is {value!r}; expected {words}{why}") from None


def _type_of(default: Any) -> Any:
    """The type that a default speaks for: of a whole number any number, which 1 may be short for; of an empty list or
    None, anything."""
    if type(default) is int:
        return NUMBER
    if type(default) in (bool, float, str):
        return type(default)
    if isinstance(default, list | tuple) and len({type(entry) for entry in default}) == 1:
        entry = _type_of(default[0])
        return GenericAlias(tuple, (entry, ...)) if isinstance(default, tuple) else GenericAlias(list, (entry,))
    return ANYTHING


def _words(hint: Any) -> str | None:
    """A type in words, if it is a common one."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in PLAIN:
        return PLAIN[hint]
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    if origin in (Union, UnionType):
        parts = [words for part in inner if (words := _words(part))]
        return " or ".join(parts) if len(parts) == len(inner) else None
    if origin in (list, tuple, Sequence) and inner[0] in LISTS and inner[1:] in ((), (...,)):
        return f"a list of {LISTS[inner[0]]}"
    return None


def _shown(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
