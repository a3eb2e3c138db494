"""Which calls of Snakemake are alive in a folder. Snakemake's own lock does not tell: a call that is killed leaves it.

So every call that may run jobs shares a lock of ours until its process ends, from the reading of the Snakefile on.
"""

from contextlib import ExitStack
from pathlib import Path

from dfnas.runtime.errors import InputError
from dfnas.runtime.locks import Lock

CALLS = ".snakemake/dfnas.lock"
_held: dict[Path, ExitStack] = {}
"""What this process shares, by folder: it may read the Snakefile more than once."""


def announce(folder: Path, unlocks: bool) -> str:
    """Lets other calls in a folder know of this one until its process ends.

    Args:
        folder: that Snakemake works in.
        unlocks: whether this call is to take Snakemake's lock away.

    Returns:
        What is to be known before a run: that another call is alive, has left its lock, or may be alive; else nothing.

    Raises:
        InputError: it is to take the lock away from a call that is alive.
    """
    if folder in _held:
        return ""
    alive = is_alive(folder)
    story = _advice(folder, alive)
    if unlocks:
        if alive:
            raise InputError(f"{story}: two calls would write the same files")
        return story if alive is None else ""
    lock = Lock(folder / CALLS)
    try:
        lock.path.parent.mkdir(exist_ok=True)
        lock.wait(_held.setdefault(folder, ExitStack()), shared=True)
    except (InputError, OSError):  # without locks nobody is known of, and jobs will say what that means
        pass
    return story


def advice(folder: Path) -> str:
    """What to do about Snakemake's lock of a folder, and about a call that is alive there; nothing without any."""
    return _advice(folder, is_alive(folder))


def _advice(folder: Path, alive: bool | None) -> str:
    if alive:
        return (
            f"another call of Snakemake works or plans in {folder}: let it end, or end it (Ctrl-C) to make other "
            "targets first; beside it a call that makes the same files stops with a LockException; do not --unlock"
        )
    if any((folder / ".snakemake" / "locks").glob("*")):
        if alive is None:
            return (
                f"Snakemake's lock of {folder} is set, and it cannot be told whether a call is alive ({CALLS} cannot "
                "be locked: it is another user's, or the file system has no locks); look for one (ps, squeue) before "
                "snakemake --unlock"
            )
        return (
            f"Snakemake's lock of {folder} is set, and no call of this workflow is alive: it was killed; "
            "snakemake --unlock, then the same call again"
        )
    return ""


def is_alive(folder: Path) -> bool | None:
    """Whether a call other than this process's is alive in a folder; None where that cannot be told."""
    return folder not in _held and Lock(folder / CALLS).is_held(shared=True)
