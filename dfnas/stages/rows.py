"""A row of Table 1: all networks of one algorithm, space, search data and retrain data, over the seeds."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from dfnas.stages.runs import best_of

KEYS = ("algorithm", "space", "search_data", "retrain_data")
SHARES = ("ece", "ece_scaled", "teacher_agreement")
FIGURES = (*KEYS, "seed", "top1_error", "top5_error", *SHARES, "macs", "parameters", "architecture", "validation_error")
"""Of a network, as `evaluate` leaves them, from which a row is made."""
COLUMNS = (
    *KEYS,
    "seeds",
    "top1_error_mean",
    "top1_error_std",
    "top5_error_mean",
    *(f"{name}_mean" for name in SHARES),
    "params_m",
    "macs_m",
    "architecture",
)

Runs = Sequence[dict[str, Any]]


def by_row(runs: Iterable[dict[str, Any]]) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """The figures of networks by the row that they are of, in their order."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault(tuple(run[key] for key in KEYS), []).append(run)
    return groups


def row_of(runs: Runs) -> dict[str, Any]:
    """One row over its seeds, without its keys: errors and other shares in percent, sizes in millions. The architecture
    shown is that of the seed with the lowest error on the validation images; the test images choose nothing."""
    top1 = [100 * run["top1_error"] for run in runs]
    return {
        "seeds": len(runs) if runs[0]["seed"] != "" else "",
        "top1_error_mean": f"{statistics.fmean(top1):.3f}",
        "top1_error_std": f"{statistics.stdev(top1):.3f}" if len(runs) > 1 else "",
        "top5_error_mean": f"{statistics.fmean(100 * run['top5_error'] for run in runs):.3f}",
        **{f"{name}_mean": f"{statistics.fmean(100 * run[name] for run in runs):.3f}" for name in SHARES},
        "params_m": f"{statistics.fmean(run['parameters'] for run in runs) / 1e6:.6f}",
        "macs_m": f"{statistics.fmean(run['macs'] for run in runs) / 1e6:.6f}",
        "architecture": best_of(runs)["architecture"],
    }
