"""A digest of the code that a stage runs, so that a workflow reruns what an edit concerns and nothing else.

Snakemake does not look into Python modules. The digest covers the syntax trees, without comments and
docstrings, of a stage's module and of every module of this package that it imports, directly or not, plus
the user's modules that the configuration names and what they import of this package.
"""

import ast
import hashlib
import sys
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from dfnas.runtime.objects import split_reference

PACKAGE = Path(__file__).resolve().parents[1]


def code_digest(stage: str, *references: str) -> str:
    """Hexadecimal digest of the code behind `dfnas.stages.<stage>`.

    Args:
        stage: name of the stage.
        references: `module:name` or `file.py:name` of what the stage loads by name: spaces, teachers.
    """
    modules = [f"dfnas.stages.{stage}"]
    texts = []
    for reference in references:
        module, _ = split_reference(reference)
        if module.split(".")[0] == PACKAGE.name:
            modules.append(module)
            continue
        path = _source(module)
        if path is None:
            texts.append(f"absent {module}")
        else:
            texts.append(_meaning(path))
            modules.extend(_imports(path))
    total = hashlib.sha256()
    for path in sorted(_closure(modules)):
        total.update(f"{path.relative_to(PACKAGE)}\n{_meaning(path)}\n".encode())
    for text in texts:
        total.update(text.encode())
    return total.hexdigest()[:16]


def _closure(modules: list[str]) -> set[Path]:
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        for path in _files(waiting.pop()):
            if path not in found:
                found.add(path)
                waiting.extend(_imports(path))
    return found


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


def _source(module: str) -> Path | None:
    """The file of a user's module, `package.module` or `file.py`, found without running any of it."""
    if module.endswith(".py"):
        return Path(module) if Path(module).is_file() else None
    places: list[str] | None = [str(Path.cwd()), *sys.path]
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:depth]), places)
        if spec is None:
            return None
        places = spec.submodule_search_locations
    return Path(spec.origin) if spec.has_location else None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """What a file of this package imports, anywhere in it. `from a import b` may mean the module a.b."""
    names: list[str] = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


@cache
def _meaning(path: Path) -> str:
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # A string that stands alone does nothing: docstrings, and the descriptions below fields.
            node.body = [statement for statement in body if not _is_string(statement)] or [ast.Pass()]
    return ast.dump(tree)


def _is_string(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
