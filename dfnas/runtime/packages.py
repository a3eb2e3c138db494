"""Packages that only some uses of dfnas need."""

import importlib
from types import ModuleType

from dfnas.runtime.errors import InputError


def required(name: str, extra: str, use: str) -> ModuleType:
    """A package, or a module of it, imported.

    Args:
        extra: of dfnas that brings it.
        use: what needs it, for the complaint.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(f"{use} needs the package {error.name}; install dfnas[{extra}]") from error
