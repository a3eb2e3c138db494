"""Paths as a user writes them: with `~` and environment variables, which YAML does not know."""

import os
import re
from pathlib import PurePath

from dfnas.runtime.errors import InputError

VARIABLE = re.compile(r"\$(?:(\w+)|\{([^}]*)\})", re.ASCII)


def expanded(path: str, key: str = "") -> str:
    """The path with `~`, `~user`, `$NAME` and `${NAME}` replaced. A `$` before no name, and a `~` within, stay.

    Args:
        key: of the configuration, for a message.

    Raises:
        InputError: a variable is not set, or empty; or there is no such user.
    """
    place = f"{key} = '{path}'" if key else f"'{path}'"
    for match in VARIABLE.finditer(path):
        name = match[1] or match[2]
        if not os.environ.get(name):
            raise InputError(f"{place}: the environment variable {name} in it is not set; set it or write the path out")
    found = os.path.expanduser(os.path.expandvars(path))
    if found.startswith("~"):
        raise InputError(f"{place}: there is no such user with a home folder; for a name that begins with ~ write ./~")
    return found


def normalised(path: str, key: str = "") -> str:
    """The path expanded, in the one form that Snakemake is told of it: to it ./a is another file than a, and a//b than
    a/b. The ./ stays before what would otherwise be an option, or a home folder.

    Raises:
        InputError: see `expanded`.
    """
    whole = expanded(path, key)
    plain = str(PurePath(whole))
    return f"./{plain}" if plain.startswith("~") or (plain.startswith("-") and whole.startswith("./")) else plain
