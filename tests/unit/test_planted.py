"""The list of planted bugs fits the code: each text to replace stands once where the list says."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "planted" / "plant.py"


@pytest.fixture(scope="module")
def plant():
    specification = importlib.util.spec_from_file_location("plant", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    sys.modules["plant"] = module  # where dataclasses look for it
    specification.loader.exec_module(module)
    yield module
    del sys.modules["plant"]


def test_every_bug_can_be_planted(plant):
    bugs = plant.read_bugs()
    assert list(plant.faults(bugs, plant.ROOT)) == []
    for bug in bugs:
        if bug.file.endswith(".py"):
            compile(plant.planted(bug, plant.ROOT), bug.file, "exec")


@pytest.mark.parametrize(("old", "count"), [("three", 0), ("one", 2)])
def test_a_text_that_is_not_there_or_there_twice_is_told(plant, tmp_path, old, count):
    (tmp_path / "code.py").write_text("one, two, one")
    bug = plant.Bug("a bug", "a kind", "code.py", old, "four", ())
    (line,) = plant.faults([bug], tmp_path)
    assert line == f"a bug: the text to replace stands {count} times in code.py, expected once"
