"""Time and memory of forward passes, as `measure_latency` leaves them: a row by network, device and batch size."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import read_csv, write_csv
from dfnas.stages.runs import identity_of


@dataclass(frozen=True)
class Latency:
    """Of one network on one device, at one batch size."""

    algorithm: str
    search_data: str
    retrain_data: str
    seed: str
    """The network, see `dfnas.stages.runs.identity_of`."""
    device: str
    """`cpu` or `gpu`."""
    device_name: str
    threads: int
    """Of a CPU operation."""
    batch_size: int
    passes: int
    """That were timed."""
    latency_ms: float
    """Median."""
    quartile_1_ms: float
    quartile_3_ms: float
    peak_mb: float
    """Beside the weights, in units of 10⁶ bytes; see `dfnas.measure.memory`."""

    @property
    def iqr_ms(self) -> float:
        """The interquartile range."""
        return self.quartile_3_ms - self.quartile_1_ms

    @property
    def place(self) -> str:
        """Where and how it was measured, in a word."""
        return f"{self.device}_batch_{self.batch_size}"


COLUMNS = tuple(field.name for field in fields(Latency))
TYPES = {field.name: field.type for field in fields(Latency)}


def write_latencies(path: Path, latencies: Iterable[Latency]) -> None:
    """Writes a row for each; numbers to four decimals."""
    rows = [{name: f"{v:.4f}" if isinstance(v, float) else v for name, v in asdict(one).items()} for one in latencies]
    write_csv(path, COLUMNS, rows)


def read_latencies(path: Path) -> dict[tuple[str, ...], list[Latency]]:
    """Reads what `write_latencies` wrote, by the network's identity. Raises InputError if there is no such file, or
    a value is missing or none of its kind."""
    found: dict[tuple[str, ...], list[Latency]] = {}
    for number, row in enumerate(read_csv(path, COLUMNS), 1):
        try:
            latency = Latency(**{name: kind(row[name]) for name, kind in TYPES.items()})
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}, row {number}: {error}; {rebuild(path)}") from error
        found.setdefault(identity_of(asdict(latency)), []).append(latency)
    return found
