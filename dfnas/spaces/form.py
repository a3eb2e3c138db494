"""What a space says of itself: its task, and its choices with the names of their options."""

from collections.abc import Mapping

from dfnas.runtime.errors import InputError
from dfnas.runtime.users_code import definition
from dfnas.spaces.candidate import SEPARATOR
from dfnas.spaces.space import Space, Task


def check_form(name: str, space: Space, task: Task) -> None:
    """Raises InputError unless a space has the task that it was made for, and choices that can be chosen from and
    written down.

    Args:
        name: of the space, for the complaints.
    """
    fault = _fault(space, task)
    if fault:
        raise InputError(f"the space '{name}' cannot be used: {fault} ({definition(type(space))})")


def _fault(space: Space, task: Task) -> str | None:
    if not hasattr(space, "task"):
        return "it has no attribute task; its constructor has to say self.task = task"
    if space.task != task:
        return f"its attribute task is {space.task!r}; expected the task that it is given, {task!r}"
    choices = getattr(space, "choices", None)
    if not isinstance(choices, Mapping) or not choices:
        said = "no attribute choices" if choices is None else f"choices = {choices!r}"
        return f"it has {said}; expected a dictionary from the name of every choice to a tuple of its options' names"
    for choice, options in choices.items():
        if not (isinstance(choice, str) and choice and choice.isprintable()):
            return f"the choice {choice!r} has a name that cannot be written down; expected a text on one line"
        if not isinstance(options, list | tuple) or not options:
            return f"the choice '{choice}' has the options {options!r}; expected a tuple of one or more names"
        for option in options:
            if not (isinstance(option, str) and option and option.isprintable() and SEPARATOR not in option):
                return (
                    f"the choice '{choice}' has an option {option!r}; expected a text on one line without {SEPARATOR}"
                )
        if len(set(options)) < len(options):
            return f"the choice '{choice}' has the options {', '.join(options)}; expected each once"
    return None
