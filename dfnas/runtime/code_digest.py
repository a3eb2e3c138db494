"""A digest of the code that a stage runs, so that a workflow reruns what an edit concerns and nothing else.

Snakemake does not look into Python modules. The digest covers the syntax trees, without comments and docstrings, of a
stage's module, of the user's modules that the configuration names, and of every module of this package and of the
user's that those import, directly or not.

How a space is drawn is said by its method `layout`, which only pictures call. It is left out, with what is imported in
it alone, where no module of those calls a `layout`, and none of the user's speaks of one: its labels are of no search.
"""

import ast
import hashlib
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import split_reference
from dfnas.runtime.users_code import is_library

PACKAGE = Path(__file__).resolve().parents[1]
DRAWING = "layout"
"""The method of a space that pictures alone are made from."""


def code_digest(stage: str, *references: str) -> str:
    """Hexadecimal digest of the code behind `dfnas.stages.<stage>`.

    Args:
        stage: name of the stage.
        references: `module:name` or `file.py:name` of what the stage loads by name: spaces, teachers.

    Raises:
        InputError: a module that a reference names is no Python.
    """
    modules, users, absent = [f"dfnas.stages.{stage}"], [], []
    for reference in references:
        module, _ = split_reference(reference)
        if module.split(".")[0] == PACKAGE.name:
            modules.append(module)
        elif (path := _source(module)) is None:
            absent.append(f"absent {module}")
        else:
            _parsed(path)
            users.append(path)
    found = _closure(modules, users, drawn=False)
    drawn = any(_speaks_of_drawing(path) for path in found)
    if drawn:
        found = _closure(modules, users, drawn=True)
    total = hashlib.sha256()
    for path in sorted(filter(_is_ours, found)):
        total.update(f"{path.relative_to(PACKAGE)}\n{_meaning(path, drawn)}\n".encode())
    # Of the user's files what they say and not where they lie, so that another place is the same code.
    for text in [*absent, *(_meaning(path, drawn) for path in found if not _is_ours(path))]:
        total.update(text.encode())
    return total.hexdigest()[:16]


def check_python(reference: str) -> None:
    """Raises InputError where the user's module that a reference names is no Python. One that is not there is left to
    whoever loads it."""
    module, _ = split_reference(reference)
    if module.split(".")[0] != PACKAGE.name and (path := _source(module)) is not None:
        _parsed(path)


def _closure(modules: Iterable[str], users: Iterable[Path], drawn: bool) -> list[Path]:
    """The files of some modules of this package and of some of the user's, and of all that they import of either."""
    found: dict[Path, None] = {}
    waiting = [*users, *(path for module in modules for path in _files(module))]
    while waiting:
        path = waiting.pop(0)
        if path in found:
            continue
        found[path] = None
        if _is_ours(path):
            waiting += _imported(path, drawn)
            continue
        for module in _imports(path, drawn):
            waiting += [*_files(module), *_users_files(module, path)]
    return list(found)


@cache
def _is_ours(path: Path) -> bool:
    return path.is_relative_to(PACKAGE)


@cache
def _imported(path: Path, drawn: bool) -> list[Path]:
    """The files of this package that importing one of its files runs, each once."""
    return list(dict.fromkeys(file for module in _imports(path, drawn) for file in _files(module)))


@cache
def _files(module: str) -> list[Path]:
    """The files of this package that importing a module runs: itself and the packages around it."""
    parts = module.split(".")
    if parts[0] != PACKAGE.name:
        return []
    files = []
    for depth in range(1, len(parts) + 1):
        place = PACKAGE.joinpath(*parts[1:depth])
        files += [p for p in (place / "__init__.py", place.with_suffix(".py")) if p.is_file()]
    return files


def _users_files(module: str, importer: Path) -> list[Path]:
    """The files that importing a module from a user's module runs, unless they are a library's or this package's.

    Args:
        module: its name; with leading dots where it is relative to the importer.
    """
    name = module.lstrip(".")
    if module != name:
        above = importer.resolve().parents
        if len(module) - len(name) > len(above):
            return []  # a line that would fail if it ran
        place = above[len(module) - len(name) - 1]
        if name:
            place = place.joinpath(*name.split("."))
        return [p for p in (place / "__init__.py", place.parent / f"{place.name}.py") if p.is_file()]
    parts = name.split(".")
    if parts[0] == PACKAGE.name or parts[0] in sys.stdlib_module_names:
        return []
    beside = importer.resolve().parent  # where a hub looks, and whoever adds it to the path
    files = [_source(".".join(parts[:depth]), beside) for depth in range(1, len(parts) + 1)]
    return [path for path in files if path is not None and path.suffix == ".py" and not is_library(path.resolve())]


def _source(module: str, beside: Path | None = None) -> Path | None:
    """The file of a user's module, `package.module` or `file.py`, found without running any of it.

    Args:
        beside: a folder to look in at last.
    """
    if module.endswith(".py"):
        return Path(module) if Path(module).is_file() else None
    places: list[str] | None = [str(Path.cwd()), *sys.path, *([str(beside)] if beside else [])]
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:depth]), places)
        if spec is None:
            return None
        places = spec.submodule_search_locations
        if places is None and depth < len(parts):
            return None
    return Path(spec.origin) if spec and spec.origin and spec.has_location else None


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise InputError(f"{path}{f':{line}' if line else ''}: not Python: {getattr(error, 'msg', error)}") from error


def _tree(path: Path, drawn: bool) -> ast.Module:
    """What a file says, as Python reads it; without the method `layout` of its classes, unless they are `drawn`."""
    try:
        tree = _parsed(path)
    except InputError:  # of an import that may never run, such as of a module for Python 2: its bytes
        return ast.Module([ast.Expr(ast.Constant(path.read_bytes()))], [])
    if not drawn and DRAWING.encode() in path.read_bytes():
        for node in _statements(tree):
            if isinstance(node, ast.ClassDef):
                node.body = [statement for statement in node.body if not _is_drawing(statement)] or [ast.Pass()]
    return tree


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """What `ast.walk` gives, in its order, without expressions: no statement is within one."""
    waiting: deque[ast.AST] = deque([tree])
    while waiting:
        node = waiting.popleft()
        for part in ("body", "handlers", "orelse", "finalbody", "cases"):
            waiting += getattr(node, part, ())
        yield node


def _is_drawing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef) and statement.name == DRAWING and not statement.decorator_list


@cache
def _speaks_of_drawing(path: Path) -> bool:
    """Whether a file, those methods aside, calls a method `layout`; of the user's, whether anything in it is called or
    looked up so. (In this package a tensor has another.)"""
    if DRAWING.encode() not in path.read_bytes():
        return False
    nodes = list(ast.walk(_tree(path, False)))
    if _is_ours(path):
        nodes = [node.func for node in nodes if isinstance(node, ast.Call)]
    return any(DRAWING in (getattr(node, name, None) for name in ("attr", "id", "value")) for node in nodes)


@cache
def _imports(path: Path, drawn: bool) -> tuple[str, ...]:
    """What a file imports, anywhere in it. `from a import b` may mean the module a.b."""
    names: list[str] = []
    for node in _statements(_tree(path, drawn)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names += [module, *(f"{module}{'.' if node.module else ''}{alias.name}" for alias in node.names)]
    return tuple(names)


@cache
def _meaning(path: Path, drawn: bool) -> str:
    tree = _tree(path, drawn)
    for node in _statements(tree):
        if hasattr(node, "body"):
            # A string that stands alone does nothing: docstrings, and the descriptions below fields.
            node.body = [statement for statement in node.body if not _is_string(statement)] or [ast.Pass()]
    return ast.dump(tree)


def _is_string(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
