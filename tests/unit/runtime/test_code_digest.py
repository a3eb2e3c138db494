"""The digest of a stage's code changes with what its result can depend on, and with nothing else."""

import shutil
from pathlib import Path

import pytest

from dfnas.runtime import code_digest as module
from dfnas.runtime.errors import InputError

STAGE, ALGORITHM = "search", "dfnas.search.uniform:RandomSearch"
USERS = "import dfnas.spaces.space\n\nclass Mine:\n    width = 3\n"


CACHED = ("_files", "_imported", "_imports", "_is_ours", "_meaning", "_speaks_of_drawing")
READING = ("_imports", "_meaning", "_speaks_of_drawing")


def by_content(function):
    """The function of a file and more, computed once for each content."""
    known = {}

    def of(path: Path, *more: bool):
        key = (path.read_bytes(), path.is_relative_to(module.PACKAGE), *more)
        if key not in known:
            known[key] = function(path, *more)
        return known[key]

    of.cache_clear = lambda: None
    return of


READ_ONCE = {name: by_content(getattr(module, name).__wrapped__) for name in READING}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package to edit, and what its digest is for a stage. A file that is not edited is parsed once."""
    copy = tmp_path / "dfnas"
    shutil.copytree(module.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "PACKAGE", copy)
    for name, function in READ_ONCE.items():
        monkeypatch.setattr(module, name, function)
    monkeypatch.chdir(tmp_path)
    yield copy
    clear()


def clear():
    for name in CACHED:
        getattr(module, name).cache_clear()


def test_what_is_cached_is_forgotten_between_digests():
    assert {name for name, value in vars(module).items() if hasattr(value, "cache_clear")} == set(CACHED)


def digest(*references: str, stage: str = STAGE) -> str:
    clear()
    return module.code_digest(stage, *([ALGORITHM] if stage == STAGE else []), *references)


def edit(path: Path, text: str = "\nADDED = 1\n") -> None:
    path.write_text(path.read_text() + text)


@pytest.mark.parametrize(
    "file",
    [
        "stages/search.py",
        "stages/command.py",
        "stages/job.py",
        "search/uniform.py",
        "runtime/seeds.py",
        "__init__.py",
    ],
)
def test_an_edit_of_the_stage_or_of_what_it_imports_counts(package, file):
    before = digest()
    edit(package / file)
    assert digest() != before


@pytest.mark.parametrize(
    "file",
    [
        "stages/retrain.py",
        "rules.py",
        "search/darts.py",
        "search/evolution.py",
        "synthesis/inversion.py",
        "spaces/darts.py",
    ],
)
def test_an_edit_elsewhere_does_not(package, file):
    before = digest()
    edit(package / file)
    assert digest() == before


@pytest.mark.parametrize("file", ["stages/search.py", "search/uniform.py", "settings/search_random.py"])
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


DRAWN = """
from dfnas.spaces.darts import CellSpace

class Mine(CellSpace):
    width = 3

    def layout(self):
        import labels
        return labels.of(self, "a label")
"""


def test_how_a_space_is_drawn_is_of_its_pictures_alone(package, tmp_path):
    """The method `layout` of a user's space, and what is imported in it alone."""
    path, labels = tmp_path / "mine.py", tmp_path / "labels.py"
    path.write_text(DRAWN)
    labels.write_text("BLUE = 1\n")
    searched, drawn = digest("mine.py:Mine"), digest("mine.py:Mine", stage="draw_search")
    path.write_text(DRAWN.replace("a label", "another label"))
    assert digest("mine.py:Mine") == searched
    assert digest("mine.py:Mine", stage="draw_search") != drawn
    path.write_text(DRAWN)
    labels.write_text("BLUE = 2\n")
    assert digest("mine.py:Mine") == searched
    assert digest("mine.py:Mine", stage="draw_search") != drawn
    path.write_text(DRAWN.replace("width = 3", "width = 4"))
    assert digest("mine.py:Mine") != searched


def test_how_a_space_of_the_package_is_drawn_is_of_its_pictures_alone(package):
    name = "dfnas.spaces.shufflenet:ShuffleNetSpace"
    searched, drawn = digest(name), digest(name, stage="draw_search")
    path = package / "spaces/shufflenet.py"
    path.write_text(path.read_text().replace('"conv 3x3"', '"stem"'))
    assert digest(name) == searched
    assert digest(name, stage="draw_search") != drawn


@pytest.mark.parametrize(
    "use",
    ["width = property(lambda self: len(self.layout().cells))", "name = 'layout'", "deco = layout = None"],
    ids=["called", "named", "replaced"],
)
def test_a_layout_that_something_else_may_read_counts(package, tmp_path, use):
    path = tmp_path / "mine.py"
    path.write_text(DRAWN.replace("width = 3", use))
    before = digest("mine.py:Mine")
    path.write_text(DRAWN.replace("width = 3", use).replace("a label", "another label"))
    assert digest("mine.py:Mine") != before


def test_the_users_own_modules_count_with_those_of_theirs_that_they_import(package, tmp_path):
    """Beside the file, in a package, and relative to it; not what is installed."""
    for folder, importing in [
        ("", "import parts"),
        ("theirs/", "from .parts import width"),
        ("theirs/", "from . import parts"),
    ]:
        reference = f"{folder.replace('/', '.')}mine:Mine"
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "mine.py").write_text(f"{importing}\nimport torch, pytest\n{USERS}")
        (tmp_path / folder / "parts.py").write_text("width = 3\n")
        before = digest(reference)
        (tmp_path / folder / "parts.py").write_text("width = 3  # pixels\n")
        assert digest(reference) == before
        (tmp_path / folder / "parts.py").write_text("width = 4\n")
        assert digest(reference) != before


def test_what_is_no_python_is_told_with_its_line(package, tmp_path):
    (tmp_path / "mine.py").write_text("width = 3\nwidth = = 4\n")
    with pytest.raises(InputError, match=r"mine\.py:2: not Python: invalid syntax"):
        digest("mine:Mine")


def test_what_is_imported_and_no_python_counts_by_its_bytes(package, tmp_path):
    """The import may never run, as in `except ImportError`."""
    (tmp_path / "mine.py").write_text("import parts\n")
    (tmp_path / "parts.py").write_text("print 'of Python 2'\n")
    before = digest("mine:Mine")
    (tmp_path / "parts.py").write_text("print 'another'\n")
    assert digest("mine:Mine") != before


@pytest.mark.parametrize("importing", ["from {dots} import parts", "from {dots}parts import width"])
def test_dots_that_lead_above_the_root_are_of_nothing(package, tmp_path, importing):
    alone = tmp_path / "mine.py"
    depth = len(alone.resolve().parents)
    for more in (0, 1, 5):
        alone.write_text(importing.format(dots="." * (depth + more)))
        assert digest("mine:Mine") != digest()


@pytest.mark.parametrize("text", [b"\xef\xbb\xbfname = 1\n", b"# -*- coding: latin-1 -*-\nname = '\xe9'\n"])
def test_a_file_is_read_as_python_reads_it(package, tmp_path, text):
    """With a byte-order mark, or in the encoding that it names."""
    (tmp_path / "mine.py").write_bytes(text)
    assert digest("mine.py:Mine") != digest()
