"""What the workflow says of a configuration: its meaning, and the jobs that follow from it.

The workflow knows the package, and the package does not know the workflow: it is asked, in processes of its own, as a
user would ask it (a dry run), and what it prints is read.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dfnas
from dfnas.runtime.errors import InputError
from dfnas.settings.config import Config
from dfnas.targets import TARGETS

ANY_CORES = 1024
"""For a dry run: jobs are shown with all the threads that they ask for."""
JOB = re.compile(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)(?:Shell command: (.*))?", re.MULTILINE)


ORIGINALS = re.compile(r"/dataset/original(\.h5|/shard-\d+\.h5)$", re.MULTILINE)
"""The data set that is not made where there are no original images."""


@dataclass(frozen=True)
class PlannedJob:
    """A job that a run would do."""

    rule: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    wildcards: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1
    mem_mb: int = 0
    runtime: int = 0
    """Minutes."""
    gpu: int = 0
    command: str = ""

    @property
    def computes(self) -> bool:
        """Whether it runs on the configured device, and not on the CPU whatever that is."""
        return "--device cpu" not in self.command


def checkout() -> Path:
    """The folder with the workflow that this package belongs to. Raises InputError if it is installed without."""
    root = Path(dfnas.__file__).resolve().parents[1]
    if not (root / "Snakefile").is_file():
        raise InputError(f"{root} has no Snakefile: dfnas is installed without its workflow; run it from a checkout")
    return root


def read_configuration(root: Path, paths: Sequence[Path]) -> Config:
    """What files mean, laid over `config.yaml` in their order.

    Raises:
        InputError: Snakemake is not installed, or the configuration says something impossible.
    """
    _require_snakemake()
    done = _run([sys.executable, root / "workflow" / "print_configuration.py", *paths])
    if done.returncode:
        raise InputError(_last_line(done.stderr) or "the configuration cannot be read")
    return Config.parse(json.loads(done.stdout))


def planned_jobs(
    root: Path, paths: Sequence[Path], everything: bool = False, targets: Sequence[str] = ()
) -> list[PlannedJob]:
    """The jobs that a run in this folder would do, in the order in which they could run.

    Args:
        targets: what to make, as Snakemake takes it; none for all that a configuration asks for.
        everything: as if there were no results yet.

    Raises:
        InputError: there is no plan, because files are missing that nothing makes, or for what Snakemake says.
    """
    _require_snakemake()
    line = [sys.executable, "-m", "snakemake", "--snakefile", root / "Snakefile", "--cores", ANY_CORES, "--dry-run"]
    line += ["--printshellcmds", "--nolock", *(["--forceall"] if everything else [])]
    done = _run([*line, *targets, *(["--configfile", *paths] if paths else [])])
    if done.returncode:
        raise InputError(complaint(done.stderr + done.stdout))
    return read_jobs(done.stdout)


def read_jobs(text: str) -> list[PlannedJob]:
    """The jobs in what a dry run prints, but for targets that join others."""
    return [_job(rule, details, command or "") for rule, details, command in JOB.findall(text) if rule not in TARGETS]


def _job(rule: str, details: str, command: str) -> PlannedJob:
    said = dict(re.findall(r"^    (\w+): (.*)$", details, re.MULTILINE))
    resources = dict(pair.split("=", 1) for pair in said.get("resources", "").split(", ") if "=" in pair)
    return PlannedJob(
        rule=rule,
        inputs=tuple(said.get("input", "").split(", ")) if "input" in said else (),
        outputs=tuple(said.get("output", "").split(", ")) if "output" in said else (),
        wildcards=dict(pair.split("=", 1) for pair in said.get("wildcards", "").split(", ") if "=" in pair),
        threads=int(said.get("threads", 1)),
        mem_mb=_integer(resources.get("mem_mb")),
        runtime=_integer(resources.get("runtime")),
        gpu=_integer(resources.get("gpu")),
        command=command,
    )


def _integer(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def complaint(said: str) -> str:
    """What Snakemake complains of in what it printed, on one line."""
    missing = re.search(
        r"^Missing input files for rule (\w+):\n(?:    .*\n)*?    affected files:\n((?: {8}.*\n?)+)", said, re.M
    )
    if missing:
        rule, files = missing.groups()
        if ORIGINALS.search(files):
            return f"rule {rule} needs original images, and there are none; describe them in shard_original"
        return f"rule {rule} needs files that nothing makes: {', '.join(map(str.strip, files.splitlines()))}"
    said = said.rpartition("Building DAG of jobs...")[2]
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith("Using ")]
    return " ".join(lines[:3]) or "Snakemake fails and does not say why"


def _require_snakemake() -> None:
    if importlib.util.find_spec("snakemake") is None:
        raise InputError("the package snakemake is not installed, without which there is no workflow; make installs it")


def _run(line: Sequence[Any]) -> subprocess.CompletedProcess[str]:
    # The profile beside the Snakefile, and no other of the user's.
    environment = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(checkout()), environment.get("PYTHONPATH")]))
    return subprocess.run(list(map(str, line)), capture_output=True, text=True, env=environment)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
