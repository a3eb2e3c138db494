"""Packages that only some uses of dfnas need."""

import importlib
from types import ModuleType

from dfnas.runtime.errors import InputError


def required(name: str, extra: str) -> ModuleType:
    """A package, imported.

    Args:
        extra: of dfnas that brings it.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(f"there is no package {error.name}; install dfnas[{extra}]") from error
