"""The one exception for what a user can mend."""


class InputError(ValueError):
    """Something given to dfnas is wrong. The message is the whole story on one line: what is wrong, where,
    what was expected, and what to do. Stages print it and exit with status 1, without a traceback."""
