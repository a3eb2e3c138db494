"""The digest of a stage's code changes with what its result can depend on, and with nothing else."""

import shutil
from pathlib import Path

import pytest

from dfnas.runtime import code_digest as module

STAGE = "search_random"
USERS = "import dfnas.spaces.space\n\nclass Mine:\n    width = 3\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package to edit, and what its digest is for a stage."""
    copy = tmp_path / "dfnas"
    shutil.copytree(module.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "PACKAGE", copy)
    monkeypatch.chdir(tmp_path)
    yield copy
    clear()


def clear():
    for cached in (module._files, module._tree, module._imports, module._meaning):
        cached.cache_clear()


def digest(*references: str) -> str:
    clear()
    return module.code_digest(STAGE, *references)


def edit(path: Path, text: str = "\nADDED = 1\n") -> None:
    path.write_text(path.read_text() + text)


@pytest.mark.parametrize(
    "file", ["stages/search_random.py", "stages/command.py", "search/uniform.py", "runtime/seeds.py", "__init__.py"]
)
def test_an_edit_of_the_stage_or_of_what_it_imports_counts(package, file):
    before = digest()
    edit(package / file)
    assert digest() != before


@pytest.mark.parametrize(
    "file", ["stages/retrain.py", "search/darts.py", "search/evolution.py", "synthesis/inversion.py", "spaces/darts.py"]
)
def test_an_edit_elsewhere_does_not(package, file):
    before = digest()
    edit(package / file)
    assert digest() == before


@pytest.mark.parametrize("file", ["stages/search_random.py", "search/uniform.py", "settings/search_random.py"])
def test_comments_docstrings_and_layout_do_not(package, file):
    before = digest()
    path = package / file
    text = path.read_text().replace("\n\n\n", "\n\n\n\n# A remark.\n").replace('"""', '"""In other words: ', 1)
    path.write_text(text.replace(")\n", ")  # so\n"))
    assert digest() == before


def test_a_string_that_means_something_counts(package):
    before = digest()
    path = package / "search/uniform.py"
    path.write_text(path.read_text().replace('"random"', '"uniform"'))
    assert digest() != before


def test_a_space_of_the_package_counts_where_it_is_named(package):
    before = digest("dfnas.spaces.darts:CellSpace")
    assert before != digest()
    edit(package / "spaces/mbconv.py")
    assert digest("dfnas.spaces.darts:CellSpace") == before
    edit(package / "spaces/darts_cells.py")
    assert digest("dfnas.spaces.darts:CellSpace") != before


@pytest.mark.parametrize("reference", ["mine.py:Mine", "mine:Mine", "theirs.mine:Mine"])
def test_the_users_own_module_counts_with_what_it_imports_of_the_package(package, tmp_path, reference):
    path = tmp_path / (reference.split(":")[0].removesuffix(".py").replace(".", "/") + ".py")
    path.parent.mkdir(exist_ok=True)
    absent = digest(reference)
    path.write_text(USERS)
    first = digest(reference)
    assert first != absent
    path.write_text(USERS.replace("class", "# mine\nclass"))
    assert digest(reference) == first
    path.write_text(USERS.replace("3", "4"))
    assert digest(reference) != first
    path.write_text(USERS.replace("space\n", "mbconv\n"))
    importing = digest(reference)
    edit(package / "spaces/mbconv.py")
    assert digest(reference) != importing


def test_the_users_module_is_not_run(package, tmp_path):
    (tmp_path / "mine.py").write_text("raise SystemExit('run')\n")
    digest("mine.py:Mine")
    digest("mine:Mine")
