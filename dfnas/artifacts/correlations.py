"""correlations.csv: how well scores order architectures, see `dfnas.measure.rank_correlation`."""

from typing import Annotated, Literal

from dfnas.artifacts.lines import Line, decimals

RankedBy = Literal["supernet", "proxy"]
Among = Literal["all", "learning"]
Correlation = Annotated[float | None, decimals(4)]


class CorrelationRow(Line):
    """One statistic of one score, mean over the runs."""

    column: str
    budget: str
    """That the architectures were drawn within."""
    ranked_by: RankedBy
    name: str
    """The algorithm, or the proxy."""
    search_data: str
    """The kind: data sets that differ in seeds alone are one."""
    score: str
    among: Among
    """`learning`: without those that can learn nothing, where the space can say which."""
    statistic: str
    value: Correlation = None
    """Empty where a score is one for all, or where multiply-accumulates are given themselves."""
    low: Correlation = None
    high: Correlation = None
    """95 %, architectures drawn anew."""
    low_runs: Correlation = None
    high_runs: Correlation = None
    """The same, runs drawn anew as well."""
    runs: int
    architectures: int
    """Of each run, on average."""
