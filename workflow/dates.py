"""Whether the files that a user gives are older than what will be made of them.

After a job Snakemake compares the dates of its files. Where an input is newer than an output, as one of tomorrow always
is, it removes what the job has made and speaks of clocks. So such a date is said before anything is planned.
"""

import shlex
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from dfnas.runtime.errors import InputError

AHEAD_S = 60
"""Seconds by which a date may be ahead of this machine's clock: a file server's may be a little fast, which dates what
jobs make as well, and a job takes some time."""


def check_dates(given: Mapping[str, Iterable[str]]) -> None:
    """Raises InputError where a file is dated in the future. (One that is not there is Snakemake's to miss.)

    Args:
        given: files by the key of the configuration that names them.
    """
    now = time.time()
    for key, path in ((key, Path(path)) for key, paths in given.items() for path in paths):
        if not path.exists():
            continue
        # Of a link both dates count, its own and that of what it leads to.
        dated, link = path.stat().st_mtime, path.lstat().st_mtime
        if max(dated, link) > now + AHEAD_S:
            when, today = (
                f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M:%S}" for seconds in (max(dated, link), now)
            )
            raise InputError(
                f"{key}: {path} is dated {when}, and now it is {today}; what is made of it would be older than it: "
                f"{'touch -h' if link > dated else 'touch'} {shlex.quote(str(path))}, or set the clock right"
            )
