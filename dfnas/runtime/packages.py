"""Packages that only some uses of dfnas need, and their versions."""

import importlib
import importlib.metadata
from collections.abc import Iterable
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


def versions(names: Iterable[str]) -> dict[str, str]:
    """Of those packages that are installed, in that order."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # that only some configurations need
    return found
