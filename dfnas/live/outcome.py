"""What a run has come to: its table, and what to look at next."""

import time
from collections.abc import Iterator
from pathlib import Path

from dfnas.artifacts.table1 import Table1Row
from dfnas.runtime.errors import InputError
from dfnas.tables import plain

TABLE = "table1.csv"
HEADER = ("algorithm", "space", "searched on", "trained on", "top-1 error, %", "parameters, M", "MACs, M")
TEXTS = 4
LOOK_AT = {
    "report.html": "everything on one page",
    "table1_times.csv": "hours, energy, latency and memory of each row",
    "significance.md": "which differences are more than chance, in words",
    "pictures/*/images.png": "the synthetic images",
    "deploy/*/README.md": "the best network of an algorithm as files, with its card",
}
"""Files, each with what it shows."""
MAKE = {
    "pictures/*/images.png": ("images", "pictures of the synthetic images"),
    "deploy/*/README.md": ("deploy", "the best networks as files, with cards"),
    "report.html": ("report", "all of it on one page"),
}
"""What `dfnas run` can make of a run where it is not there yet."""


def outcome(results: Path) -> Iterator[str]:
    """Lines for a reader: the table, if it is there and whole, files to look at, and what else can be made."""
    path = results / TABLE
    if path.is_file():
        made = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
        yield f"{path}, made {made}:"
        try:
            yield from plain.table(HEADER, map(_row, Table1Row.read(path)), TEXTS).splitlines()
        except InputError as error:
            yield str(error)
    for pattern, what in LOOK_AT.items():
        if files := sorted(results.glob(pattern)):
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            yield f"look at {files[0]}{more}: {what}"
    for pattern, (target, what) in MAKE.items():
        if not any(results.glob(pattern)):
            yield f"dfnas run {target} makes {what}"


def _row(row: Table1Row) -> tuple[str, ...]:
    said = row.texts()
    error = f"{float(said['top1_error_mean']):.3f}"
    spread = f" ± {float(said['top1_error_std']):.3f}" if said["top1_error_std"] else ""
    return (
        *(said[name] for name in ("algorithm", "space", "search_data")),
        said["retrain_data"],
        error + spread,
        f"{float(said['params_m']):.3f}",
        f"{float(said['macs_m']):.2f}",
    )
