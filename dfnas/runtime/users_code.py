"""Errors in code that a user names in the configuration: each told in one line, with the file and the line of theirs
that it comes from."""

import inspect
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dfnas.runtime.errors import InputError, reason
from dfnas.runtime.limits import is_out_of_memory

PACKAGE = Path(__file__).resolve().parents[1]
LIBRARIES = ("site-packages", "dist-packages")
_STANDARD = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))

_files: set[Path] = set()
_folders: set[Path] = set()


def remember(file: Path) -> None:
    """Notes the file of a module that a user named: it, and what lies beside it, is the user's code from now on. Not a
    module of this package."""
    path = file.resolve()
    if not path.is_relative_to(PACKAGE):
        _files.add(path)
        _folders.add(path.parent)


def is_library(path: Path) -> bool:
    """Whether a file is of Python or of an installed package."""
    return bool(set(LIBRARIES) & set(path.parts)) or any(path.is_relative_to(folder) for folder in _STANDARD)


def origin(error: BaseException) -> str | None:
    """`file:line` of the user's that an error comes from: the innermost line, or the one that is no Python. None where
    no code of the user's has a part in it."""
    if isinstance(error, SyntaxError) and error.filename and _is_users(error.filename):
        return _place(error.filename, error.lineno)
    place, trace = None, error.__traceback__
    while trace is not None:
        if _is_users(trace.tb_frame.f_code.co_filename):
            place = _place(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return place


def definition(thing: Callable[..., Any]) -> str:
    """`file:line` at which a function begins, or of a class its constructor or else its first method; its name where it
    is no Python. (By the code, not by the name of its module, which two files of a user's may share.)"""
    own = [vars(thing).get("__init__"), *vars(thing).values()] if isinstance(thing, type) else [thing]
    codes = [function.__code__ for function in map(inspect.unwrap, own) if inspect.isfunction(function)]
    return _place(codes[0].co_filename, codes[0].co_firstlineno) if codes else thing.__qualname__


def told(error: BaseException, otherwise: str | None = None) -> str:
    """What an error says, with the user's line.

    Args:
        otherwise: the place to name where no line of the user's was running.
    """
    if isinstance(error, SystemExit):
        said = f"it calls sys.exit({'' if error.code is None else repr(error.code)})"
    elif isinstance(error, SyntaxError):
        said = f"not Python: {error.msg}"
    else:
        words = reason(error)
        said = words if words == type(error).__name__ else f"{type(error).__name__}: {words}"
    place = origin(error) or otherwise
    return f"{said} ({place})" if place else said


@contextmanager
def blamed(what: str, otherwise: str | None = None) -> Iterator[None]:
    """Runs code of the user's: whatever it raises is an InputError that begins with `what`, and so is an exit. Not what
    the machine has to say: want of memory is not its fault.

    Args:
        otherwise: see `told`.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{what}: {error}") from error
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            raise
        raise InputError(f"{what}: {told(error, otherwise)}") from error


def _is_users(filename: str) -> bool:
    path = Path(filename)
    if not _folders or filename.startswith("<"):
        return False
    path = path.resolve()
    if path in _files:
        return True
    inside = any(path.is_relative_to(folder) for folder in _folders)
    return inside and not path.is_relative_to(PACKAGE) and not is_library(path)


def _place(filename: str, line: int | None) -> str:
    path = Path(filename)
    shown = path.resolve().relative_to(Path.cwd()) if path.resolve().is_relative_to(Path.cwd()) else path
    return f"{shown}:{line}" if line else str(shown)
