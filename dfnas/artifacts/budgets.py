"""What a search found under each of several budgets, and what all of them come to beside what needs no search:
budgets.csv of a search, and budgets.csv, budgets_raw.csv and budgets_paired.csv of a run."""

from typing import Annotated, Literal

from dfnas.artifacts.lines import Line, decimals
from dfnas.settings.search import BudgetSettings

FoundBy = Literal["yardstick", "search", "proxy"]
Points = Annotated[float | None, decimals(4)]


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


class BudgetRun(Line):
    """What one run found under one budget, judged by one column of the table of true accuracies."""

    column: str
    budget: str
    max_macs_m: float
    max_params_m: float
    max_latency_ms: float
    found_by: FoundBy
    algorithm: str
    """Or the proxy."""
    search_data: str
    """The kind: data sets that differ in seeds alone are one."""
    synthesis: str
    """The data set itself."""
    seed: int
    architecture: str
    macs_m: Annotated[float, decimals(6)]
    params_m: Annotated[float, decimals(6)]
    accuracy: Annotated[float, decimals(4)]
    regret: Annotated[float, decimals(4)]
    """Points below the best of the table within the budget."""
    collapsed: bool | None = None
    """None of a proxy's find."""


class BudgetRow(Line):
    """What comes of an algorithm, a proxy or a yardstick under one budget: means over the data sets of its kind, of the
    means over their seeds."""

    column: str
    budget: str
    max_macs_m: float
    max_params_m: float
    max_latency_ms: float
    found_by: FoundBy
    algorithm: str
    search_data: str
    accuracy_mean: Annotated[float, decimals(4)]
    regret_mean: Annotated[float, decimals(4)]
    regret_low: Points = None
    regret_high: Points = None
    """95 % by Student's t."""
    interval_over: str | None = None
    """`syntheses` where data were made more than once, else `seeds`."""
    regret_worst: Points = None
    macs_m_mean: Points = None
    runs: int | None = None
    syntheses: int | None = None
    collapsed: int | None = None
    """Runs."""


class PairedRow(Line):
    """How much better than something else in the same budget a search is: the mean of the differences of its runs."""

    column: str
    budget: str
    """`all`: the mean over the budgets, run by run."""
    algorithm: str
    search_data: str
    against: str
    difference: Annotated[float, decimals(4)]
    """Accuracy minus that of `against`, in points."""
    low: Points = None
    high: Points = None
    interval_over: str | None = None
    runs: int
    syntheses: int


def budget_of(line: Line) -> BudgetSettings:
    """The budget that a line is about, which has a column for each limit."""
    return BudgetSettings(**{name: getattr(line, name) for name in BudgetSettings.model_fields})
