"""What a row of Table 1 cost to find and costs to run: hours, energy, latency and memory, means over its seeds."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from dfnas.artifacts.identity import Identity
from dfnas.artifacts.latency import Latency
from dfnas.artifacts.table1 import RowKey, TableRow
from dfnas.artifacts.table1_times import CostRow
from dfnas.artifacts.timing import Timing

STAGES = ("search", "retrain")
J_PER_KWH = 3.6e6


def costs_of(
    key: RowKey, networks: Sequence[Identity], timings: Sequence[Timing], latencies: Sequence[Sequence[Latency]]
) -> CostRow:
    """The costs of a row; None where nothing was timed, as for the teacher and for draws, or can be read.

    Args:
        networks: of the row.
        latencies: of each of them.
    """
    columns: dict[str, Any] = dict(zip(TableRow.model_fields, key, strict=True))
    for stage in STAGES:
        found = [timing for network in networks for timing in _of(network, stage, timings)]
        # Of a mean over some of the seeds, or over unlike parts of machines, nobody knows what it is of.
        known = len({frozenset(timing.joules) for timing in found}) == 1 and all(timing.joules for timing in found)
        joules = [sum(timing.joules.values()) / J_PER_KWH for timing in found] if known else []
        columns[f"{stage}_hours"] = _mean(timing.seconds / 3600 for timing in found)
        columns[f"{stage}_kwh"] = _mean(joules)
        columns[f"{stage}_device"] = ", ".join(dict.fromkeys(timing.device_name for timing in found))
    return CostRow(**columns, **_passes(latencies))


def _of(network: Identity, stage: str, timings: Iterable[Timing]) -> list[Timing]:
    """What a stage took for a network: at most one."""
    return [timing for timing in timings if timing.stage == stage and timing.is_of(network)][:1]


def _passes(latencies: Sequence[Sequence[Latency]]) -> dict[str, Any]:
    """Of forward passes: `latency_ms` is that of the first device and batch size that were measured, which are the
    configuration's; then every device and batch size by itself."""
    columns = {"latency_ms": _mean(measured[0].latency_ms for measured in latencies if measured)}
    places: dict[str, list[Latency]] = {}
    for latency in (latency for measured in latencies for latency in measured):
        places.setdefault(latency.place, []).append(latency)
    for place, found in places.items():
        columns[f"{place}_ms"] = _mean(latency.latency_ms for latency in found)
        columns[f"{place}_iqr_ms"] = _mean(latency.iqr_ms for latency in found)
        columns[f"{place}_peak_mb"] = _mean(latency.peak_mb for latency in found)
    return columns


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.fmean(found) if found else None
