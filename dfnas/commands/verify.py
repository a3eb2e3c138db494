"""Say whether the files of a run belong together: every digest that its jobs recorded is compared with the files that
are there now.

What does not belong together is a line each: the file, what is wrong, what to do. Notes are for information: versions
and devices that differ, files from outside that are gone. Exit status: 0 where everything belongs together, 1 where
something does not, 2 where the run cannot be read. A run should be at rest meanwhile: what a job removes or makes anew
is told as well.
"""

import argparse
import json
from pathlib import Path

from dfnas.runs.folder import RunFolder
from dfnas.runs.verification import verify
from dfnas.runs.verification_page import page

WHOLE, AT_ODDS = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what the command takes."""
    parser.add_argument("results", type=Path, metavar="RESULTS", help="the folder of results of a run")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints what was found, and returns the exit status. Raises InputError where the run cannot be read."""
    found = verify(RunFolder(options.results))
    if options.json:
        print(json.dumps(found.plain(), indent=2, ensure_ascii=False))
    else:
        print(page(found, options.results), end="")
    return AT_ODDS if found.findings else WHOLE
