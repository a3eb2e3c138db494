"""Say whether this machine can run a configuration, and how long it will take.

One line for each check: ok, warning, or failure with what to do; then time, memory and storage by rule, calibrated by a
few real steps of each stage on this machine. Exit status: 0 where it can run, 1 where something fails, 2 where the
configuration cannot be read. To be called in the folder that Snakemake will be called in.
"""

import argparse
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

from dfnas.doctor.examination import examine
from dfnas.doctor.findings import Finding
from dfnas.doctor.page import conclusion, line
from dfnas.runtime.errors import InputError, reason
from dfnas.targets import REPORT, TARGETS, check_targets

HEALTHY, SICK = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what the command takes."""
    known = "; ".join(f"{name}, {story}" for name, story in TARGETS.items())
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help=f"what is to be made: {known}; or a file in the folder of results (default: all that is asked for)",
    )
    parser.add_argument(
        "--configfile", type=Path, nargs="+", default=[], metavar="FILE", help="laid over config.yaml, in this order"
    )
    parser.add_argument("--gpus", type=int, metavar="N", help="GPUs that the run will share (default: those here)")
    parser.add_argument("--quick", action="store_true", help="without trials and times, in seconds")
    parser.add_argument("--all", action="store_true", help="plan as if there were no results yet")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints what was found, and returns the exit status. Raises InputError where the question cannot be answered."""
    if options.gpus is not None and options.gpus < 1:
        raise InputError(f"--gpus {options.gpus}: expected 1 or more")
    out = sys.stdout

    check_targets(options.targets)
    targets = ["all" if target == REPORT else target for target in options.targets]

    def tell(finding: Finding) -> None:
        if not options.json:
            print(line(finding), file=out, flush=True)

    def report(line: str) -> None:
        if not options.json:
            print(line, file=sys.stderr, flush=True)

    try:
        with redirect_stdout(sys.stderr):  # what a user's builder prints is no part of the answer
            found = examine(options.configfile, options.gpus, options.quick, options.all, targets, tell, report)
    except (InputError, OSError):
        raise
    except Exception as error:  # a check that breaks is no answer, and nobody is helped by where it broke
        raise InputError(f"an examination broke off: {type(error).__name__}: {reason(error)}") from error
    if options.json:
        parts = {
            "healthy": found.healthy,
            "findings": [finding.plain() for finding in found.findings],
            "jobs": found.jobs,
            "estimate": found.estimate.plain() if found.estimate else None,
        }
        print(json.dumps(parts, indent=2, ensure_ascii=False))
    else:
        print(conclusion(found), end="")
    return HEALTHY if found.healthy else SICK
