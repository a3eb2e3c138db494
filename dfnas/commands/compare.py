"""Say what differs between two runs: settings, contents, architectures, figures, and, for information, what a clock or
a machine says.

A run is a folder of results, finished or not. Exit status: 0 where nothing that counts differs, 1 where something does,
2 where a folder cannot be read. Packages, devices, seconds and milliseconds do not count.
"""

import argparse
import json
from pathlib import Path

from dfnas.runs.comparison import compare
from dfnas.runs.folder import RunFolder
from dfnas.runs.page import MARKDOWN, PLAIN, page
from dfnas.runtime.errors import InputError
from dfnas.settings.evaluate import CompareDataSettings

EQUAL, DIFFERENT = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what the command takes."""
    parser.add_argument("first", type=Path, metavar="RESULTS-A", help="the folder of results of a run")
    parser.add_argument("second", type=Path, metavar="RESULTS-B", help="that of another")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print it as JSON")
    form.add_argument("--markdown", action="store_true", help="print it as Markdown")
    draws = CompareDataSettings().draws
    parser.add_argument("--draws", type=int, default=draws, metavar="N", help=f"of the bootstrap (default: {draws})")


def run(options: argparse.Namespace) -> int:
    """Prints what differs, and returns the exit status. Raises InputError where a run cannot be read."""
    if options.draws < 100:
        raise InputError(f"--draws {options.draws}: expected 100 or more")
    found = compare(RunFolder(options.first), RunFolder(options.second), options.draws)
    if options.json:
        print(json.dumps(found.plain(), indent=2, ensure_ascii=False))
    else:
        print(page(found, MARKDOWN if options.markdown else PLAIN), end="")
    return EQUAL if found.equal else DIFFERENT
