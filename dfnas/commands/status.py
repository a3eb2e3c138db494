"""Say how far a run is, from another terminal or another machine: by its files alone.

It is about the last call that ran jobs there, by `dfnas run`, by Snakemake itself or on a cluster: jobs done and at
work, with steps and remaining time, what failed, how well the images do, and at the end what came of it. Exit status: 0
where the call has finished, 1 where it failed or was ended or killed, 2 where nothing is to be seen, 3 where it runs.
"""

import argparse
import importlib.util
import shlex
import time
from pathlib import Path

from dfnas.live.snapshot import State, Watch
from dfnas.runtime.errors import InputError

STATUS = {
    State.FINISHED: 0,
    State.FAILED: 1,
    State.INTERRUPTED: 1,
    State.KILLED: 1,
    State.RUNNING: 3,
    State.UNKNOWN: 3,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what the command takes."""
    parser.add_argument("results", type=Path, metavar="RESULTS", help="the folder of results of a run")


def run(options: argparse.Namespace) -> int:
    """Prints how far a run is, and returns the exit status. Raises InputError where nothing can be said."""
    if importlib.util.find_spec("rich") is None:
        raise InputError("the package rich is not installed; make installs it")
    from rich.console import Console

    from dfnas.live.outcome import outcome
    from dfnas.live.view import ROWS_BESIDE, view

    snapshot = Watch(options.results).look(time.time())
    console = Console(highlight=False, soft_wrap=False)
    call = snapshot.call
    begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(call.begun))
    console.print(f"begun {begun} on {call.host}: {shlex.join(call.command)}", markup=False, soft_wrap=True)
    rows = max(1, console.height - ROWS_BESIDE) if console.is_terminal else len(snapshot.work)
    console.print(view(snapshot, rows))
    if snapshot.state is State.FINISHED:
        for line in outcome(options.results, call.command):
            console.print(line, markup=False, soft_wrap=True)
    return STATUS[snapshot.state]
