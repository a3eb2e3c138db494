"""One set of pins, wherever an environment is made."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version
from running import ROOT


def pins(text: str) -> dict[str, Version]:
    """Versions by normalised name of all lines `name==version`."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[\S+\])?==(\S+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): Version(version) for name, version in found}


def pinned(name: str) -> dict[str, Version]:
    """The pins of a file of environments."""
    return pins((ROOT / "envs" / name).read_text())


@pytest.fixture(scope="module")
def requirements() -> dict[str, Version]:
    return pinned("requirements.txt")


@pytest.mark.parametrize("name", ["requirements.txt", "storage.txt", "docs.txt"])
def test_every_requirement_is_pinned(name):
    lines = (ROOT / "envs" / name).read_text().splitlines()
    assert len(pinned(name)) == sum(bool(line.strip()) and not line.startswith("#") for line in lines)


def test_results_in_a_bucket_want_nothing_else_of_what_there_is():
    ours, theirs = pinned("constraints.txt"), pinned("storage.txt")
    assert not {name: version for name, version in theirs.items() if ours.get(name, version) != version}


def test_the_conda_environment_has_the_same_pins(requirements):
    environment = yaml.safe_load((ROOT / "envs" / "dfnas.yaml").read_text())
    (by_pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    ours = pins("\n".join(by_pip))
    assert len(ours) == len(by_pip)
    assert ours.items() <= requirements.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {Requirement(text).name.lower() for text in project["dependencies"]}
    assert needed <= set(ours)


def test_the_constraints_hold_every_pin(requirements):
    assert requirements.items() <= pinned("constraints.txt").items()


def test_the_pins_satisfy_what_the_package_asks_for(requirements):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [text for group in project["optional-dependencies"].values() for text in group]
    for text in [*project["dependencies"], *extras]:
        requirement = Requirement(text)
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert requirement.specifier.contains(requirements[name]), text
