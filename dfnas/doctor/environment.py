"""Whether the interpreter and its packages are those that the project was tested with."""

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from dfnas.doctor.findings import Finding, failure, ok, warning
from dfnas.runtime.packages import versions

INSTALL = "pip install -r envs/requirements.txt -c envs/constraints.txt"


def check_python(version: tuple[int, ...] = sys.version_info[:3], least: tuple[int, int] = (3, 11)) -> Finding:
    """The interpreter."""
    said = ".".join(map(str, version))
    if version[:2] < least:
        wanted = ".".join(map(str, least))
        return failure("python", f"{said}; dfnas needs {wanted} or newer: make PYTHON=/path/to/python{wanted}")
    return ok("python", said)


def check_packages(root: Path) -> list[Finding]:
    """What is installed, beside what `pyproject.toml` needs and what `envs/` pins."""
    needed = minimum_versions((root / "pyproject.toml").read_text())
    pinned = pinned_versions((root / "envs" / "requirements.txt").read_text())
    return compare_packages(needed, pinned, versions({*needed, *pinned}))


def compare_packages(
    needed: Mapping[str, str], pinned: Mapping[str, str], installed: Mapping[str, str]
) -> list[Finding]:
    """Args:
    needed: least versions of packages without which nothing runs.
    pinned: versions that the project was tested with.
    installed: versions that are there.
    """
    findings = []
    for name, least in needed.items():
        if name not in installed:
            findings.append(failure("packages", f"{name} is not installed; {INSTALL}"))
        elif _numbers(installed[name]) < _numbers(least):
            findings.append(failure("packages", f"{name} {installed[name]} is older than {least}; {INSTALL}"))
    absent = [name for name in pinned if name not in installed and name not in needed]
    if absent:
        findings.append(warning("packages", f"not installed, and needed by some configurations: {', '.join(absent)}"))
    others = [
        f"{name} {installed[name]} (pinned {version})"
        for name, version in pinned.items()
        if name in installed and _public(installed[name]) != version
    ]
    if others:
        story = f"{', '.join(others)}: other last digits in results are possible; {INSTALL} brings the tested versions"
        findings.append(warning("packages", story))
    return findings or [ok("packages", f"{len(pinned)} as pinned, torch {installed.get('torch', 'unknown')}")]


def minimum_versions(pyproject: str) -> dict[str, str]:
    """Least versions of what every run of the workflow needs."""
    project = tomllib.loads(pyproject)["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["workflow"]]
    # The executor plugin is for clusters alone.
    return dict(_parted(lines, ">=", without=("snakemake-executor-plugin-slurm",)))


def pinned_versions(requirements: str) -> dict[str, str]:
    """The versions of direct dependencies, without those of tests and style."""
    return dict(_parted(requirements.split("# Tests", 1)[0].splitlines(), "=="))


def _parted(lines: Iterable[str], sign: str, without: tuple[str, ...] = ()) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, found, version = line.strip().partition(sign)
        if found and not name.startswith("#") and name not in without:
            yield name, version


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", _public(version))[:3])


def _public(version: str) -> str:
    """A version without the local part that says which build it is: 2.14.1 of 2.14.1+cpu."""
    return version.partition("+")[0]
