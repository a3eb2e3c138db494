"""What a row of Table 1 cost to find and costs to run: hours, energy, latency and memory, means over its seeds."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from dfnas.artifacts.identity import Identity
from dfnas.artifacts.latency import Latency
from dfnas.artifacts.table1 import RowKey, TableRow
from dfnas.artifacts.table1_times import CostRow
from dfnas.artifacts.timing import Timing

STAGES = {"search": ("supernet", "search"), "retrain": ("retrain",)}
"""What the columns count together: a search's supernet is trained for it."""
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
    for stage, parts in STAGES.items():
        found = [timing for network in networks for timing in _of(network, parts, timings)]
        # Of a mean over some of the seeds, or over unlike parts of machines, nobody knows what it is of.
        known = len({frozenset(timing.joules) for timing in found}) == 1 and all(timing.joules for timing in found)
        joules = [sum(timing.joules.values()) / J_PER_KWH for timing in found] if known else []
        columns[f"{stage}_hours"] = _mean(timing.seconds / 3600 for timing in found)
        columns[f"{stage}_kwh"] = _mean(joules)
        columns[f"{stage}_device"] = ", ".join(dict.fromkeys(timing.device_name for timing in found))
    return CostRow(**columns, **_passes(latencies))


def _of(network: Identity, stages: Sequence[str], timings: Sequence[Timing]) -> list[Timing]:
    """What stages took together for a network: one, or none where they did not run."""
    found = [next((t for t in timings if t.stage == stage and t.is_of(network)), None) for stage in stages]
    took = [timing for timing in found if timing is not None]
    if not took:
        return []
    alike = len({frozenset(timing.joules) for timing in took}) == 1
    joules = {part: sum(timing.joules[part] for timing in took) for part in took[0].joules} if alike else {}
    return [took[0].model_copy(update={"seconds": sum(timing.seconds for timing in took), "joules": joules})]


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
