"""Objects named in the configuration: `package.module:name` or `path/to/file.py:name`.

The one place where a user's code is loaded and run.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from dfnas.runtime.errors import InputError
from dfnas.runtime.paths import expanded


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
        InputError: no such module, file or name.
    """
    module_name, name = split_reference(reference)
    if module_name.endswith(".py"):
        path = Path(module_name)
        if not path.is_file():
            raise InputError(f"no file {path} (named by '{reference}')")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)
        spec.loader.exec_module(module)
    else:
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            raise InputError(f"no module {error.name} (named by '{reference}'); is it installed?") from error
    if not hasattr(module, name):
        raise InputError(f"'{module_name}' has nothing called {name} (named by '{reference}')")
    return getattr(module, name)
