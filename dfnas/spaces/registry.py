"""Search spaces by name: those of dfnas, and any other as `module:name` or `file.py:name`."""

import inspect
from collections.abc import Mapping
from typing import Any

from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import load_object
from dfnas.spaces.names import NAMES, reference
from dfnas.spaces.space import Space, Task


def resolve(name: str) -> type[Space]:
    """The class of a space.

    Args:
        name: a key of NAMES, `module:name` or `file.py:name`.

    Raises:
        InputError: there is no such space, or it is not a subclass of `Space`.
    """
    if name not in NAMES and ":" not in name:
        raise InputError(
            f"unknown space '{name}'; expected one of {', '.join(NAMES)}, or your own as module:name or file.py:name"
        )
    space = load_object(reference(name))
    if not (isinstance(space, type) and issubclass(space, Space)):
        raise InputError(f"'{name}' is not a search space; expected a subclass of dfnas.spaces.space:Space")
    return space


def make(name: str, task: Task, options: Mapping[str, Any]) -> Space:
    """A space for a task.

    Args:
        name: see `resolve`.
        options: keyword arguments of the space's class.

    Raises:
        InputError: no such space, an option that it does not take or lacks, or a value that cannot be.
    """
    space = resolve(name)
    signature = inspect.signature(space)
    taken = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    known = [parameter.name for parameter in taken[1:]]  # the first is the task
    if len(taken) == len(signature.parameters):  # no **kwargs that would take any name
        for option in options:
            if option not in known:
                raise InputError(f"the space '{name}' takes no option '{option}'; it takes {', '.join(known)}")
    for parameter in taken[1:]:
        if parameter.default is parameter.empty and parameter.name not in options:
            raise InputError(f"the space '{name}' needs the option '{parameter.name}'; none is given")
    try:
        return space(task, **options)
    except InputError as error:
        raise InputError(f"the space '{name}' cannot be made: {error}") from None
