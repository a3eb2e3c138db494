"""Gather the figures of all networks into Table 1: mean and standard deviation over the seeds of every row.

The table holds what two runs on one type of machine agree on to the byte. What they cannot agree on, hours and
milliseconds, goes to a second file with the same rows.
"""

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dfnas.runtime.files import read_csv, read_json, write_csv
from dfnas.stages.command import Job, Stage
from dfnas.stages.rows import COLUMNS, FIGURES, KEYS, by_row, row_of

STAGE = Stage("table1", __doc__, None)
STAGE.argument("--metrics", type=Path, nargs="+", required=True, metavar="FILE", help="figures, one file per network")
STAGE.argument("--networks", type=Path, nargs="+", required=True, metavar="FILE", help="the networks, in that order")
STAGE.argument("--timings", type=Path, nargs="*", default=[], metavar="FILE", help="seconds by run, JSON")
STAGE.argument("--latency", type=Path, required=True, metavar="FILE", help="milliseconds by network, CSV")
STAGE.argument("--out", type=Path, required=True, metavar="FILE", help="the table, CSV")
STAGE.argument("--times", type=Path, required=True, metavar="FILE", help="hours and milliseconds by row, CSV")


def table1(job: Job) -> None:
    options = job.options
    latency = _latency(options.latency)
    timings = [read_json(path, ("stage", "run", "seconds")) for path in options.timings]
    networks = []
    for path, network in zip(options.metrics, options.networks, strict=True):
        figures = read_json(path, FIGURES)
        figures["latency_ms"] = latency.get(str(network), "")
        for stage in ("search", "retrain"):
            figures[f"{stage}_seconds"] = _seconds(timings, stage, figures)
        networks.append(figures)
    groups = by_row(networks)
    rows = [dict(zip(KEYS, key, strict=True)) | row_of(runs) for key, runs in groups.items()]
    times = [dict(zip(KEYS, key, strict=True)) | _times(runs) for key, runs in groups.items()]
    write_csv(options.times, times[0], times)
    write_csv(options.out, COLUMNS, rows)


def _times(runs: Sequence[dict[str, Any]]) -> dict[str, str]:
    def mean(name: str, scale: float, digits: int) -> str:
        values = [float(run[name]) for run in runs if run[name] != ""]
        return f"{statistics.fmean(values) / scale:.{digits}f}" if values else ""

    return {
        "search_hours": mean("search_seconds", 3600, 5),
        "retrain_hours": mean("retrain_seconds", 3600, 5),
        "latency_ms": mean("latency_ms", 1, 4),
    }


def _seconds(timings: Sequence[dict[str, Any]], stage: str, figures: dict[str, Any]) -> float | str:
    """Seconds that a stage, `search` or `retrain`, spent for one network; nothing for the teacher and for draws."""
    for timing in timings:
        if timing["stage"] == stage and all(figures[key] == value for key, value in timing["run"].items()):
            return timing["seconds"]
    return ""


def _latency(path: Path) -> dict[str, float]:
    return {row["network"]: float(row["latency_ms"]) for row in read_csv(path, ("network", "latency_ms"))}


if __name__ == "__main__":
    sys.exit(STAGE.main(table1))
