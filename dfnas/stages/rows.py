"""A row of Table 1: all networks of one algorithm, space, search data and retrain data, over the seeds."""

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dfnas.runtime.files import check_kinds, read_json
from dfnas.runtime.kinds import Kinds
from dfnas.stages.runs import TEACHER, best_of

KEYS = ("algorithm", "space", "search_data", "retrain_data")
SHARES = ("ece", "ece_scaled", "teacher_agreement")
FIGURES = {
    **dict.fromkeys((*KEYS, "architecture"), str),
    **dict.fromkeys(("top1_error", "top5_error", *SHARES, "macs", "parameters"), float),
    "ece_scaled": float | None,
}
"""Of a network, as `evaluate` leaves them, from which a row is made, and their kinds. Without a temperature there is no
`ece_scaled`."""
OF_NETWORKS = {"seed": int, "validation_error": float}
OF_TEACHER = dict.fromkeys(OF_NETWORKS, str)
"""Empty ones: it has neither."""
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


def read_figures(path: Path, more: Kinds | None = None) -> dict[str, Any]:
    """What `evaluate` wrote. Raises InputError if there is no such file, or it is another.

    Args:
        more: figures that must be there beside FIGURES.
    """
    figures = read_json(path, FIGURES | (more or {}))
    check_kinds(path, figures, OF_TEACHER if figures["algorithm"] == TEACHER else OF_NETWORKS)
    return figures


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
        **{f"{name}_mean": _mean_percent([run[name] for run in runs]) for name in SHARES},
        "params_m": f"{statistics.fmean(run['parameters'] for run in runs) / 1e6:.6f}",
        "macs_m": f"{statistics.fmean(run['macs'] for run in runs) / 1e6:.6f}",
        "architecture": best_of(runs)["architecture"],
    }


def _mean_percent(shares: Sequence[float | None]) -> str:
    """Empty where one of them is not known."""
    return "" if None in shares else f"{statistics.fmean(100 * share for share in shares):.3f}"
