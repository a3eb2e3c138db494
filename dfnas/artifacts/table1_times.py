"""table1_times.csv: what the rows of Table 1 cost to find and cost to run, which no two runs agree on."""

from typing import Annotated

from pydantic import ConfigDict

from dfnas.artifacts.lines import decimals
from dfnas.artifacts.table1 import TableRow

Hours = Annotated[float | None, decimals(5)]
KilowattHours = Annotated[float | None, decimals(7)]
Latency = Annotated[float | None, decimals(4)]


class CostRow(TableRow):
    """Means over the seeds, empty where nothing is known. Every device and batch size that was measured has three
    further columns: `{device}_batch_{images}_ms`, `…_iqr_ms` and `…_peak_mb`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Latency]

    search_hours: Hours = None
    retrain_hours: Hours = None
    search_kwh: KilowattHours = None
    retrain_kwh: KilowattHours = None
    search_device: str
    retrain_device: str
    latency_ms: Latency = None
    """Of the first device and batch size."""
