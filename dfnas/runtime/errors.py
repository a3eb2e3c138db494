"""The one exception for what a user can mend, and how others' exceptions are quoted in it."""


class InputError(ValueError):
    """Something given to dfnas is wrong. The message is the whole story on one line: what is wrong, where,
    what was expected, and what to do. Stages print it and exit with status 1, without a traceback."""


def reason(error: BaseException) -> str:
    """What an exception says, on one line: the first of its lines, or its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
