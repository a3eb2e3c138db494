"""What a run has come to: its table, and what to look at next."""

import shlex
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from dfnas.artifacts.metrics import Metrics, read_metrics
from dfnas.artifacts.table1 import Table1Row
from dfnas.runtime.errors import InputError
from dfnas.tables import plain
from dfnas.tables.rows import figures_of, key_of
from dfnas.tables.verdict import verdicts
from dfnas.targets import configuration_files

TABLE = "table1.csv"
HEADER = ("algorithm", "space", "searched on", "trained on", "{}", "params, M", "MACs, M")
ERROR, AGREEMENT = "top-1 error, %", "as teacher, %"
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


def outcome(results: Path, call: Sequence[str]) -> Iterator[str]:
    """Lines for a reader: the table, if it is there and whole, with what it means, files to look at, and what else can
    be made.

    Args:
        call: of Snakemake, whose configuration what else can be made is of.
    """
    path = results / TABLE
    if path.is_file():
        made = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
        yield f"{path}, made {made}:"
        try:
            rows = Table1Row.read(path)
            figure = ERROR if any(row.top1_error_mean is not None for row in rows) else AGREEMENT
            header = [heading.format(figure) for heading in HEADER]
            yield from plain.table(header, map(_row, rows), TEXTS).splitlines()
            yield from verdict_of(results, rows)
        except InputError as error:
            yield str(error)
    for pattern, what in LOOK_AT.items():
        if files := sorted(results.glob(pattern)):
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            yield f"look at {files[0]}{more}: {what}"
    for pattern, (target, what) in MAKE.items():
        if not any(results.glob(pattern)):
            laid_over = configuration_files(call)
            further = ["--configfile", *laid_over] if laid_over else []
            yield f"{shlex.join(['dfnas', 'run', target, *further])} makes {what}"


def verdict_of(results: Path, rows: Sequence[Table1Row]) -> list[str]:
    """What the table means; nothing where its networks are not measured, or are being measured anew."""
    keys, measured = {row.key for row in rows}, list[Metrics]()
    for path in (results / "evaluate").rglob("metrics.json"):
        try:
            measured.append(read_metrics(path))
        except (InputError, OSError):
            continue
    held_out = [one.held_out_images for one in measured if key_of(one) in keys]
    return verdicts(rows, measured[0].classes, min(held_out)) if held_out else []


def _row(row: Table1Row) -> tuple[str, ...]:
    return (row.algorithm, row.space.rpartition(":")[2], row.search_data, row.retrain_data, *figures_of(row))
