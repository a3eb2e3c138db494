"""What a row of Table 1 cost to find and costs to run: hours, energy, latency and memory, means over its seeds."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dfnas.runtime.files import read_json
from dfnas.stages.latencies import Latency

KINDS = {
    "stage": str,
    "run": dict[str, str | int],
    "seconds": float,
    "joules": dict[str, float],
    "device_name": str,
}
"""Of what `timing.json` says."""
STAGES = ("search", "retrain")
J_PER_KWH = 3.6e6

Timing = Mapping[str, Any]
"""Of `timing.json`."""


def read_timing(path: Path) -> Timing:
    """What `write_timing` wrote. Raises InputError if there is no such file, or it is another."""
    return read_json(path, KINDS)


def times_of(
    runs: Sequence[Mapping[str, Any]], timings: Iterable[Timing], latencies: Sequence[Sequence[Latency]]
) -> dict:
    """The columns of a row; empty where nothing was timed, as for the teacher and for draws, or can be read.

    Args:
        runs: figures of the networks of the row, which say what each is.
        latencies: of each of them.
    """
    timings = list(timings)
    by_stage = {stage: [found for run in runs for found in _of(run, stage, timings)] for stage in STAGES}
    columns = {f"{stage}_hours": _mean([t["seconds"] / 3600 for t in found], 5) for stage, found in by_stage.items()}
    for stage, found in by_stage.items():
        # Of a mean over some of the seeds, or over unlike parts of machines, nobody knows what it is of.
        known = len({frozenset(timing["joules"]) for timing in found}) == 1 and all(t["joules"] for t in found)
        columns[f"{stage}_kwh"] = _mean([sum(t["joules"].values()) / J_PER_KWH for t in found], 7) if known else ""
    for stage, found in by_stage.items():
        columns[f"{stage}_device"] = ", ".join(dict.fromkeys(timing["device_name"] for timing in found))
    return columns | _passes(latencies)


def _of(run: Mapping[str, Any], stage: str, timings: Iterable[Timing]) -> list[Timing]:
    """What a stage took for a network: at most one."""
    return [
        timing
        for timing in timings
        if timing["stage"] == stage and all(run.get(key) == value for key, value in timing["run"].items())
    ][:1]


def _passes(latencies: Sequence[Sequence[Latency]]) -> dict[str, str]:
    """Of forward passes: `latency_ms` is that of the first device and batch size that were measured, which are the
    configuration's; then every device and batch size by itself."""
    columns = {"latency_ms": _mean([measured[0].latency_ms for measured in latencies if measured], 4)}
    places: dict[str, list[Latency]] = {}
    for latency in (latency for measured in latencies for latency in measured):
        places.setdefault(latency.place, []).append(latency)
    for place, found in places.items():
        columns[f"{place}_ms"] = _mean([latency.latency_ms for latency in found], 4)
        columns[f"{place}_iqr_ms"] = _mean([latency.iqr_ms for latency in found], 4)
        columns[f"{place}_peak_mb"] = _mean([latency.peak_mb for latency in found], 4)
    return columns


def _mean(values: Sequence[float], digits: int) -> str:
    return f"{statistics.fmean(values):.{digits}f}" if values else ""
