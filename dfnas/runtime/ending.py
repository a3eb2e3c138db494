"""The one line in which a command says why it ends: what the machine denied it, or what a user can mend."""

from pathlib import Path

from dfnas.runtime.errors import InputError, system_story
from dfnas.runtime.limits import A_RULE, denied
from dfnas.runtime.users_code import origin, told


def last_words(error: BaseException, rule: str = A_RULE, making: Path | None = None) -> str | None:
    """What to say of an exception that nothing has caught, or None where it is a bug of ours, with a traceback.

    Args:
        rule: what reserves memory, for the advice.
        making: the file that was being made, if there is one.
    """
    if story := denied(error, rule):
        return story
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError):
        return system_story(error, making)
    return f"code of yours, named in the configuration, failed: {told(error)}" if origin(error) else None
