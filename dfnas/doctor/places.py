"""Where results go: room, permission, and what earlier calls have left."""

import os
import shutil
import time
from pathlib import Path
from tempfile import TemporaryFile

from dfnas.doctor.calls import advice
from dfnas.doctor.findings import Finding, failure, ok, warning
from dfnas.runtime.errors import InputError
from dfnas.runtime.locks import Lock

MARGIN = 1.2
"""Room that is asked for, over what is estimated."""
DAY_S = 86_400


def check_writable(results: Path) -> Finding:
    """Whether results can be written, and locked while they are. What does not exist yet is not made: its nearest
    parent is tried."""
    place = _existing(results)
    if not place.is_dir():
        return failure("results", f"{place} is not a folder, but results would go to {results}; set results_dir")
    try:
        with TemporaryFile(dir=place) as file:
            file.write(b"dfnas")
            file.flush()
            os.fsync(file.fileno())
        Lock(place / "any.lock").check()
    except OSError as error:
        return failure("results", f"{place} cannot be written to: {error.strerror}; set results_dir to another folder")
    except InputError as error:
        return failure("results", str(error))
    return ok("results", f"{results} can be written")


def check_disk(results: Path, needed_bytes: float | None, free_bytes: int | None = None) -> Finding:
    """Whether there is room for what is estimated; without an estimate, whether there is any."""
    free = shutil.disk_usage(_existing(results)).free if free_bytes is None else free_bytes
    if needed_bytes is None:
        return ok("disk", f"{size(free)} free") if free > 1e9 else warning("disk", f"only {size(free)} free")
    story = f"{size(free)} free, results take about {size(needed_bytes)}"
    if free < needed_bytes:
        return failure("disk", f"{story}; free some space, or set results_dir to another disk")
    if free < MARGIN * needed_bytes:
        return warning("disk", f"{story}, which is close")
    return ok("disk", story)


def check_state(results: Path, working: Path) -> list[Finding]:
    """What other calls hold or have left: locks, states of interrupted work, files half written.

    Args:
        working: the folder that Snakemake is called in.
    """
    findings, state = [], results / ".dfnas"
    locks = sorted(state.glob("*.lock"))
    held = [path for path in locks if Lock(path).is_held()]
    foreign = [path for path in locks if not os.access(path, os.W_OK)]
    if foreign:
        story = (
            f"{len(foreign)} files, like {foreign[0]}, are another user's: have them run chmod g+w, or set results_dir"
        )
        findings.append(failure("locks", story))
    if held:
        findings.append(warning("locks", f"{len(held)} jobs are running on {results}; a job for the same file waits"))
    if story := advice(working):
        findings.append(warning("locks", story))
    saved = [path for path in state.glob("*.pt") if path.is_file()]
    if saved:
        taken, oldest = sum(p.stat().st_size for p in saved), min(p.stat().st_mtime for p in saved)
        days = (time.time() - oldest) / DAY_S
        findings.append(
            ok("old state", f"{len(saved)} files of interrupted work, {size(taken)}, the oldest of {days:.1f} days ago")
        )
    partial = list(results.rglob(".*.tmp")) if results.is_dir() and not held else []
    if partial:
        story = f"{len(partial)} files were being written when their process died, as {partial[0]}; they can be deleted"
        findings.append(warning("old state", story))
    return findings or [ok("locks", "nobody works here, nothing is left over")]


def size(count: float) -> str:
    """Bytes as a person says them."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB" if count < 1000 else f"{count:,.0f} TB"


def _existing(path: Path) -> Path:
    path = path.absolute()
    return next((place for place in (path, *path.parents) if place.exists()), path)
