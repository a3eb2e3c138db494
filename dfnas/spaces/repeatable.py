"""Whether a space has the same choices whenever it is made: a second time, and in other processes, in which texts have
other hashes and sets another order. What a supernet learnt is kept by the places of options, not by their names."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Any

from dfnas.runtime.errors import InputError
from dfnas.spaces.registry import make
from dfnas.spaces.space import Space, Task

HASH_SEEDS = ("1", "2")
"""Of the other processes."""


def check_choices(space: Space, choices: Mapping[str, Any], when: str) -> None:
    """Raises InputError unless the choices of a space, and the order of all in them, are those that it had `when`."""
    ours, theirs = ([(c, *options) for c, options in said.items()] for said in (space.choices, choices))
    if ours != theirs:
        pairs = itertools.zip_longest(ours, theirs, fillvalue=("nothing",))
        differing = next(pair for pair in pairs if pair[0] != pair[1])
        raise InputError(
            f"its choices are others {when}: {_briefly(differing[0])} and {_briefly(differing[1])}; take no sets, "
            "chance or clocks to make them"
        )


def check_choices_elsewhere(name: str, space: Space, options: Mapping[str, Any]) -> None:
    """The same of other processes. All start at once: each takes seconds to load torch.

    Args:
        name: of the space, with its `options`, as `make` takes them.
    """
    order = json.dumps({"name": name, "task": asdict(space.task), "options": dict(options)})
    code = "from dfnas.spaces.repeatable import tell_choices; tell_choices()"
    places = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, **places, "PYTHONHASHSEED": seed},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in HASH_SEEDS
    ]
    answers = [process.communicate(order) for process in started]  # of all, so that none is left behind
    for process, (said, complaint) in zip(started, answers, strict=True):
        if process.returncode:
            words = complaint.strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
            raise InputError(f"in another process it cannot be made: {words[0]}")
        check_choices(space, json.loads(said), "in another process")


def _briefly(choice: Sequence[Any]) -> str:
    return f"{choice[0]}: {', '.join(map(str, choice[1:]))}"


def tell_choices() -> None:
    """Makes the space of an order on standard input and prints its choices, for another process to compare."""
    order = json.load(sys.stdin)
    try:
        with redirect_stdout(sys.stderr):  # what the user's code prints is no part of the answer
            choices = make(order["name"], Task(**order["task"]), order["options"]).choices
    except InputError as error:
        sys.exit(str(error))
    json.dump(choices, sys.stdout)
