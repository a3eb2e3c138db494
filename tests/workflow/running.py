"""Snakemake as the tests call it, on these sources or on a copy of them.

It plans in this process. It runs in one of its own, which like those of its jobs begins with its libraries loaded, see
preloaded.py; `real` is for where the interpreter matters.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import preloaded
import yaml
from snakemake import cli

from dfnas.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
REDUCED = Path("tests", "assets", "reduced.yaml")
SOURCES = ("Snakefile", "config.yaml", "workflow", "dfnas", "profiles", "envs", str(REDUCED))
HANGS_AFTER = 2400
"""Seconds: twenty times what the whole reduced workflow takes on two idle cores. Others may have them too."""
SNAKEMAKE_SAYS = ("Using workflow specific profile", "Config file ")


def copy_sources(to: Path) -> Path:
    """A copy of everything that the workflow runs, to be edited or to be safe from edits."""
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    return to


def overlay(path: Path, values: dict) -> Path:
    """A configuration file to lay over the others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(values))
    return path


def nested(key: str, value) -> dict:
    """`a.b` and a value as {"a": {"b": value}}."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def command(
    directory: Path,
    *arguments: str | Path,
    source: Path = ROOT,
    base: Path = REDUCED,
    configuration: tuple[Path, ...] = (),
    real: bool = False,
    server: str = "",
) -> dict:
    """Snakemake in `directory` with a reduced configuration and what is laid over it, as `subprocess` takes it.

    Args:
        real: by the interpreter as it is, and so its jobs; else by a `python` of the `server` of that name.
    """
    directory.mkdir(parents=True, exist_ok=True)
    interpreter = Path(sys.executable) if real else preloaded.commands(server) / "python"
    line = [interpreter, "-m", "snakemake", "-s", source / "Snakefile", "--directory", directory]
    line += ["--configfile", source / base, *configuration, *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in ("SNAKEMAKE_PROFILE", "PYTHONPATH")}
    places = dict.fromkeys((interpreter.parent, Path(sys.executable).parent))
    environment["PATH"] = os.pathsep.join([*map(str, places), environment["PATH"]])
    return {"args": list(map(str, line)), "env": environment, "cwd": directory, "text": True}


def snakemake(directory: Path, *arguments: str | Path, **keywords) -> subprocess.CompletedProcess:
    """Runs Snakemake to its end; a plan (`--dry-run`) of these sources in this process, which reads user code once."""
    if "--dry-run" in arguments and keywords.get("source", ROOT) == ROOT and not keywords.get("real"):
        return _in_process(command(directory, *arguments, **keywords, real=True)["args"][3:], directory)
    try:
        return subprocess.run(**command(directory, *arguments, **keywords), capture_output=True, timeout=HANGS_AFTER)
    except subprocess.TimeoutExpired as late:
        said = (late.stderr or b"").decode()[-6000:]  # bytes, for all that `text` asks for
        raise AssertionError(f"not at its end after {HANGS_AFTER} s:\n{said}") from None


def _in_process(arguments: list[str], directory: Path) -> subprocess.CompletedProcess:
    """What Snakemake's `main` says and returns. What it changes in this process is put back."""
    before, path, place = sys.argv, sys.path[:], os.getcwd()
    said, complained, status = io.StringIO(), io.StringIO(), 0
    sys.argv = ["snakemake", *arguments]
    os.chdir(directory)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            cli.main(arguments)
    except SystemExit as end:  # with a text, or a status
        status = end.code if isinstance(end.code, int) else 1
        complained.write(f"{end.code}\n" if isinstance(end.code, str) else "")
    finally:
        sys.argv, sys.path[:] = before, path
        os.chdir(place)
    return subprocess.CompletedProcess(sys.argv, status, said.getvalue(), complained.getvalue())


def plan(directory: Path, **keywords) -> dict[str, int]:
    """Jobs by rule that a call would run, targets such as `all` left out."""
    done = snakemake(directory, "--dry-run", "--quiet", "rules", **keywords)
    assert done.returncode == 0, done.stdout + done.stderr
    table = re.search(r"^job +count\n-[- ]+\n(.*?)^total", done.stdout, re.MULTILINE | re.DOTALL)
    if table is None:
        assert "Nothing to be done" in done.stdout + done.stderr
        return {}
    counts = dict(line.split() for line in table.group(1).splitlines())
    return {rule: int(count) for rule, count in counts.items() if rule not in TARGETS}


class Made(NamedTuple):
    """How a file is made: the rule, its input files and the command."""

    rule: str
    inputs: tuple[str, ...]
    command: str


def recipes(directory: Path, *targets: str, **keywords) -> dict[str, Made]:
    """Every file of the planned workflow, or of what some targets need, and how it is made."""
    done = snakemake(directory, "--dry-run", "--forceall", "--printshellcmds", *targets, **keywords)
    assert done.returncode == 0, done.stdout + done.stderr
    files = {}
    for job in re.finditer(r"^rule (?!all:)(\w+):\n((?:    .*\n)+)Shell command: (.*)", done.stdout, re.MULTILINE):
        rule, details, command = job.groups()
        parts = dict(re.findall(r"^    (input|output): (.*)$", details, re.MULTILINE))
        inputs = tuple(parts["input"].split(", ")) if "input" in parts else ()
        files |= {name: Made(rule, inputs, command) for name in parts["output"].split(", ")}
    return files


def ancestors(files: dict[str, Made], target: str) -> set[str]:
    """The file and all that it is made from."""
    found, waiting = set(), [target]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(files[name].inputs if name in files else ())
    return found


def complaint(done: subprocess.CompletedProcess) -> list[str]:
    """What a call said on standard error, without what Snakemake always says."""
    return [line for line in done.stderr.splitlines() if line.strip() and not line.startswith(SNAKEMAKE_SAYS)]


@dataclass(frozen=True)
class Finished:
    """A completed run of the reduced configuration."""

    source: Path
    """The copy of the sources that made it."""
    directory: Path
    """Where it ran. Not to be changed: copy it."""

    @property
    def results(self) -> Path:
        return self.directory / "results"

    def copy(self, to: Path) -> Path:
        """The run, with what Snakemake remembers of it and the times of its files."""
        shutil.copytree(self.directory, to)
        return to
