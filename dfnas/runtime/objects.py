"""Objects named in the configuration: `package.module:name` or `path/to/file.py:name`.

The one place where a user's code is loaded and run.
"""

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from dfnas.runtime.errors import InputError
from dfnas.runtime.paths import expanded
from dfnas.runtime.users_code import blamed, remember


def split_reference(reference: str) -> tuple[str, str]:
    """`module:name` in two parts, `~` and environment variables in a file's path replaced. Raises InputError unless it
    has that form."""
    module, colon, name = reference.rpartition(":")
    if not (module and colon and name.isidentifier()):
        raise InputError(f"'{reference}' is not of the form module:name or file.py:name")
    return expanded(module) if module.endswith(".py") else module, name


def load_object(reference: str) -> Any:
    """The object that `module:name` or `file.py:name` stands for.

    Raises:
        InputError: no such module, file or name, or the module raises an error or exits when it is imported.
    """
    module_name, name = split_reference(reference)
    module = _file(module_name, reference) if module_name.endswith(".py") else _module(module_name, reference)
    if not hasattr(module, name):
        raise InputError(f"'{module_name}' has nothing called {name} (named by '{reference}')")
    return getattr(module, name)


def _file(name: str, reference: str) -> ModuleType:
    path = Path(name)
    if not path.is_file():
        raise InputError(f"no file {path} (named by '{reference}')")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None, "the file ends in .py"
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    remember(path)
    with blamed(f"'{reference}' cannot be imported", name):
        spec.loader.exec_module(module)
    return module


def _module(name: str, reference: str) -> ModuleType:
    """Imports a module, the packages around it first: the files of an import that fails must be known as the user's."""
    parts = name.split(".")
    with blamed(f"'{reference}' cannot be imported"):
        for depth in range(1, len(parts) + 1):
            part = ".".join(parts[:depth])
            spec = _spec(part)
            if spec is None:
                raise InputError(f"no module {part}; it is neither installed nor in {Path.cwd()}")
            if spec.has_location and spec.origin:
                remember(Path(spec.origin))
            module = importlib.import_module(part)
    return module


def _spec(name: str) -> ModuleSpec | None:
    """Where a module would be imported from, if anywhere."""
    try:
        return importlib.util.find_spec(name)
    except (ModuleNotFoundError, ValueError):  # what is around it is no package; a program that was run as a script
        return sys.modules[name].__spec__ if name in sys.modules else None
