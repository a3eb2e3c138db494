"""budgets.csv: what a search found under each of several budgets."""

from typing import Annotated

from dfnas.artifacts.lines import Line, decimals


class FoundWithin(Line):
    """What one search found under one budget. A limit of 0 is none."""

    algorithm: str
    search_data: str
    seed: int
    max_macs_m: float
    max_params_m: float
    max_latency_ms: float
    architecture: str
    """As `Space.to_string` writes it."""
    macs_m: Annotated[float, decimals(6)]
    params_m: Annotated[float, decimals(6)]
    latency_ms: Annotated[float | None, decimals(6)] = None
    """By the measured table of the space, where there is one."""
    collapsed: bool
    """By the share of skip connections, `dfnas.search.collapse`."""
