"""costs.csv: what each architecture of a table of true accuracies costs."""

from collections.abc import Sequence

import numpy as np

from dfnas.artifacts.lines import Line


class ArchitectureCosts(Line):
    """An architecture of the table."""

    architecture: str
    """As the table and `Space.to_string` write it."""
    macs_m: float
    params_m: float
    latency_ms: float | None = None
    """By the measured table of the space, where a budget is in milliseconds."""
    learns_nothing: bool | None = None
    """Where its space can say."""


def costs_of(lines: Sequence[ArchitectureCosts]) -> dict[str, np.ndarray]:
    """(N,) of each cost that is known, by its name."""
    costs = {name: [getattr(line, name) for line in lines] for name in ("macs_m", "params_m", "latency_ms")}
    return {name: np.array(values, float) for name, values in costs.items() if None not in values}
