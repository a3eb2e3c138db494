"""Run the workflow, and show what is under way: a thin front to Snakemake.

    dfnas run [TARGET ...] [further options of Snakemake]

A target is one of the names below, or a file as the workflow names it; without one it is all. Everything from the first
option on goes to Snakemake as it is, such as --configfile mine.yaml, --cores 8, --dry-run or --workflow-profile
profiles/slurm. The command is printed, then called in place of this one: exit status and Ctrl-C are Snakemake's. On a
terminal one view shows the jobs at work, elsewhere there is a line for each; commands are in Snakemake's log alone.
"""

import argparse
import importlib.util
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from dfnas.doctor.workflow import checkout, read_configuration
from dfnas.runtime.errors import InputError
from dfnas.targets import REPORT, TARGETS, check_targets, configuration_files

VIEW = ("--logger", "dfnas")
PLUGINS = "workflow/plugins"
CORES = ("--cores", "-c", "--jobs", "-j", "--profile", "--workflow-profile", "--executor", "-e")
"""Options that say, or may say, how much runs at a time."""
DRY = ("--dry-run", "--dryrun", "-n")
PACKAGES = ("snakemake", "rich")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what the command takes."""
    described = {**TARGETS, REPORT: "all, and results/report.html to look at it"}
    names = "\n".join(f"  {name:10}{what}" for name, what in described.items())
    parser.epilog = f"targets:\n{names}"
    parser.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="targets, then options of Snakemake")


def parse(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """Takes the command line as it is: its options are Snakemake's, but for a --help that comes first."""
    if argv[:1] in (["-h"], ["--help"]):
        parser.parse_args(argv[:1])
    return argparse.Namespace(arguments=list(argv))


def run(options: argparse.Namespace) -> NoReturn:
    """Becomes Snakemake. Raises InputError where that cannot be."""
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise InputError(f"the package {package} is not installed; make installs it")
    root = checkout()
    _check_files(root, options.arguments)
    line, *report = commands(root, options.arguments)
    places = [str(root), str(root / PLUGINS), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    print(f"$ {shlex.join(line)}", flush=True)
    line = [sys.executable, "-m", *line, *VIEW]
    if report:
        if status := _status_of(line, environment):
            sys.exit(status)
        print(f"$ {shlex.join(report[0])}", flush=True)
        line = [sys.executable, "-m", *report[0]]
    os.execve(line[0], line, environment)


def _status_of(line: Sequence[str], environment: Mapping[str, str]) -> int:
    """Calls a program that gets the signals of this one, and returns its exit status."""
    child = subprocess.Popen(line, env=environment)
    signal.signal(signal.SIGINT, lambda *_: None)  # a terminal sends it to both
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: child.send_signal(received))
    status = child.wait()
    return status if status >= 0 else 128 - status


def commands(root: Path, arguments: Sequence[str]) -> list[list[str]]:
    """The calls of Snakemake, as one would type them: the run, and after it the report if that is asked for. In one
    call (`--report-after-run`) Snakemake would forget what the report opens on.

    Args:
        root: the checkout.
        arguments: targets, then Snakemake's options.

    Raises:
        InputError: a target that is neither a name nor a path; or see `read_configuration`.
    """
    first = next((place for place, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    targets, further = list(arguments[:first]), list(arguments[first:])
    check_targets(targets)
    asked = REPORT in targets and not _gives(further, ("--report", *DRY))
    targets = [target for target in targets if target != REPORT]
    at_home = Path.cwd() == root or _gives(further, ("--snakefile", "-s"))
    place = [] if at_home else ["--snakefile", str(root / "Snakefile")]
    cores = [] if _gives(further, CORES) else ["--cores", "all"]
    line = ["snakemake", *targets, *place, *cores, *further]
    return [line, [*line, "--report", _report(root, further)]] if asked else [line]


def _check_files(root: Path, further: Sequence[str]) -> None:
    """Says what Snakemake would say by a traceback, or without the place: that a file of configuration is not there, or
    cannot be read, or says something impossible."""
    files = configuration_files(further)
    for file in files:
        if file in (*TARGETS, REPORT) and not Path(file).exists():
            raise InputError(f"'{file}' after --configfile is taken for a file; name targets before all options")
        if not Path(file).is_file():
            raise InputError(f"--configfile {file}: no such file")
    if files and not _gives(further, ("--config", "-C")):  # which may mend them
        read_configuration(root, list(map(Path, files)))


def _report(root: Path, further: Sequence[str]) -> str:
    """Where the report goes: into the folder of results that the files of configuration name."""
    results = read_configuration(root, list(map(Path, configuration_files(further)))).results_dir
    return f"{results.rstrip('/')}/report.html"


def _gives(arguments: Sequence[str], names: Sequence[str]) -> bool:
    """Whether an option is given, in whichever form."""
    short = tuple(name for name in names if not name.startswith("--"))
    return any(word.partition("=")[0] in names or (short and word.startswith(short)) for word in arguments)
