"""Whether the files that a user gives are older than what will be made of them.

After a job Snakemake compares the dates of its files. Where an input is newer than an output, as one of tomorrow always
is, it removes what the job has made and speaks of clocks. So such a date is said before anything is planned.
"""

import shlex
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from dfnas.runtime.errors import InputError

AHEAD_S = 60
"""Seconds by which a date may be ahead of this machine's clock, as a file server's may be; they are waited for."""


def check_dates(given: Mapping[str, Iterable[str]]) -> None:
    """Raises InputError where a file is dated in the future. (One that is not there is Snakemake's to miss.)

    Args:
        given: files by the key of the configuration that names them.
    """
    now = time.time()
    for key, path, dated, is_link in _dates(given):
        if dated > now + AHEAD_S:
            when, today = (f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M:%S}" for seconds in (dated, now))
            raise InputError(
                f"{key}: {path} is dated {when}, and now it is {today}; what is made of it would be older than it: "
                f"{'touch -h' if is_link else 'touch'} {shlex.quote(str(path))}, or set the clock right"
            )


def wait_for_dates(given: Mapping[str, Iterable[str]]) -> None:
    """Returns when the dates of all files have passed, which `check_dates` has made sure is soon."""
    key, path, dated, _ = max(_dates(given), key=lambda found: found[2], default=("", "", 0, False))
    if (ahead := dated - time.time()) > 0:
        print(f"{key}: {path} is dated {ahead:.0f} s from now, which is waited for", file=sys.stderr, flush=True)
        time.sleep(ahead)


def _dates(given: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, Path, float, bool]]:
    """Key, file and date in seconds of each file that is there, and whether the date is that of a link alone: of those
    both dates count, their own and that of what they lead to."""
    for key, path in ((key, Path(path)) for key, paths in given.items() for path in paths):
        try:
            dated, link = path.stat().st_mtime, path.lstat().st_mtime
        except OSError:  # it is not there, or in a folder that may not be entered
            continue
        yield key, path, max(dated, link), link > dated
