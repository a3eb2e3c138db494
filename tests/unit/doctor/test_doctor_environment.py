"""Versions: the interpreter's and the packages'."""

from pathlib import Path

from dfnas.doctor.environment import check_packages, check_python, compare_packages, minimum_versions, pinned_versions
from dfnas.doctor.workflow import checkout

PINNED = {"torch": "2.14.1", "numpy": "2.4.6", "timm": "1.0.31"}
NEEDED = {"torch": "2.11", "numpy": "2.0"}


def levels(installed: dict[str, str]) -> list[tuple[str, str]]:
    return [(finding.level, finding.story) for finding in compare_packages(NEEDED, PINNED, installed)]


def test_an_old_interpreter_cannot_run():
    assert check_python((3, 12, 1)).level == "ok"
    finding = check_python((3, 10, 9))
    assert finding.level == "failure"
    assert "make PYTHON=/path/to/python3.11" in finding.story


def test_what_is_pinned_is_well_whatever_build_it_is():
    assert [level for level, _ in levels({**PINNED, "torch": "2.14.1+cpu"})] == ["ok"]


def test_another_version_is_a_warning_and_an_old_one_a_failure():
    ((level, story),) = levels({**PINNED, "torch": "2.12.0"})
    assert level == "warning"
    assert "torch 2.12.0 (pinned 2.14.1)" in story
    level, story = levels({**PINNED, "torch": "2.9.1"})[0]
    assert level == "failure"
    assert "torch 2.9.1 is older than 2.11" in story


def test_a_missing_package_is_a_failure_only_where_everything_needs_it():
    ((level, story),) = levels({"torch": "2.14.1", "timm": "1.0.31"})
    assert (level, story.split(";")[0]) == ("failure", "numpy is not installed")
    ((level, story),) = levels({"torch": "2.14.1", "numpy": "2.4.6"})
    assert level == "warning"
    assert story.endswith("timm")


def test_the_projects_own_files_are_read():
    root = checkout()
    needed = minimum_versions((root / "pyproject.toml").read_text())
    assert needed["torch"] == "2.11"
    assert "snakemake" in needed
    pinned = pinned_versions((root / "envs" / "requirements.txt").read_text())
    assert set(needed) <= set(pinned)
    assert "ruff" not in pinned
    assert "failure" not in {finding.level for finding in check_packages(root)}


def test_other_pins_are_noticed(tmp_path: Path):
    root = checkout()
    (tmp_path / "envs").mkdir()
    (tmp_path / "pyproject.toml").write_bytes((root / "pyproject.toml").read_bytes())
    (tmp_path / "envs" / "requirements.txt").write_text("numpy==1.0.0\n")
    (finding,) = check_packages(tmp_path)
    assert finding.level == "warning"
    assert "(pinned 1.0.0)" in finding.story
