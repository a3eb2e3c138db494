"""latency.csv: time and memory of forward passes, a line by network, device and batch size."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from dfnas.artifacts.identity import Identity
from dfnas.artifacts.lines import Line, decimals

Decimals4 = Annotated[float, decimals(4)]


class Latency(Line):
    """Of one network on one device, at one batch size."""

    algorithm: str
    search_data: str
    retrain_data: str
    seed: int | None = None
    device: str
    """`cpu` or `gpu`."""
    device_name: str
    threads: int
    """Of a CPU operation."""
    batch_size: int
    passes: int
    """That were timed."""
    latency_ms: Decimals4
    """Median."""
    quartile_1_ms: Decimals4
    quartile_3_ms: Decimals4
    peak_mb: Decimals4
    """Beside the weights, in units of 10⁶ bytes; see `dfnas.measure.memory`."""

    @property
    def identity(self) -> Identity:
        return Identity(self.algorithm, self.search_data, self.retrain_data, self.seed)

    @property
    def iqr_ms(self) -> float:
        """The interquartile range."""
        return self.quartile_3_ms - self.quartile_1_ms

    @property
    def place(self) -> str:
        """Where and how it was measured, in a word."""
        return f"{self.device}_batch_{self.batch_size}"


def read_latencies(path: Path) -> Mapping[Identity, Sequence[Latency]]:
    """Reads the latencies of every network. Raises InputError, see `Line.read`."""
    found: dict[Identity, list[Latency]] = {}
    for latency in Latency.read(path):
        found.setdefault(latency.identity, []).append(latency)
    return found
