"""The one exception for what a user can mend, what it says to do about a file, and how others are quoted in it."""

import errno
import os
import shlex
from pathlib import Path


class InputError(ValueError):
    """Something given to dfnas is wrong. The message is the whole story on one line: what is wrong, where,
    what was expected, and what to do. Stages print it and exit with status 1, without a traceback."""


def rebuild(path: str | Path) -> str:
    """What to do about an artifact that cannot be used, as the end of a message: words and the commands."""
    name = shlex.quote(os.path.normpath(path))
    return f"delete it to rebuild it: rm {name}; snakemake --cores 1 {name} (with your --configfile, if any)"


def reason(error: BaseException) -> str:
    """What an exception says, on one line: the first of its lines, or its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def system_story(error: OSError, making: Path | None = None) -> str:
    """What the system refused, and where: a write that fails half-way does not say for which file.

    Args:
        making: what was being made, if anything.
    """
    where = error.filename2 or error.filename or (making and f"while making {making}")
    story = f"{where}: {error.strerror or error}" if where else str(error.strerror or error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{story}; free some space and run again, what was finished is kept"
    return story
