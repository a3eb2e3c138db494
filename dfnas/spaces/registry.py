"""Search spaces by name: those of dfnas, and any other as `module:name` or `file.py:name`."""

from collections.abc import Callable, Mapping
from typing import Any

from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import load_object
from dfnas.runtime.users_code import blamed, definition
from dfnas.spaces.form import check_form
from dfnas.spaces.names import NAMES, reference
from dfnas.spaces.options import checked_options
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
        InputError: no such space, an option that it does not take or lacks, a value that cannot be, or a class that
            fails or makes what is no space.
    """
    space = resolve(name)
    given = checked_options(name, space, options)
    constructor: Callable[..., Space] = space
    with blamed(f"the space '{name}' cannot be made", definition(space)):
        made = constructor(task, **given)
    check_form(name, made, task)
    return made
