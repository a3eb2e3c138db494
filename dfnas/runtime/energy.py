"""Joules that a piece of work took, where the machine says so without privileges.

CPU: RAPL's counters in sysfs, of Intel and AMD alike: every package and, beside it, its memory (`dram`), which no
package counts. They count all that ran meanwhile, work of others included, and begin anew every few thousand seconds at
full power, so that they are read oftener than that. GPU: NVML's counter of the device's total energy, Volta and later.
"""

import ctypes
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

import torch

from dfnas.runtime.processes import ALONE, Processes

RAPL = Path("/sys/class/powercap")
NVML = "libnvidia-ml.so.1"
SAMPLE_S = 20.0
"""Between two readings: a counter of 65 kJ begins anew after 65 s at 1 kW."""


class Counter(Protocol):
    """Something that counts energy from an arbitrary beginning."""

    @property
    def span(self) -> float | None:
        """Joules after which it begins anew; None if it never does."""

    def read(self) -> float:
        """Joules. Raises OSError where it cannot be read."""


class RaplZone:
    """A zone of RAPL in sysfs.

    Args:
        folder: of the zone, with `energy_uj` and `max_energy_range_uj`.

    Raises:
        OSError: it cannot be read; since Linux 5.10 only root may, unless the machine's owner says otherwise.
    """

    def __init__(self, folder: Path):
        self._file = folder / "energy_uj"
        self.span = int((folder / "max_energy_range_uj").read_text()) / 1e6
        self.read()

    def read(self) -> float:
        try:
            return int(self._file.read_text()) / 1e6
        except ValueError as error:
            raise OSError(f"{self._file} holds no number") from error


class NvmlDevice:
    """The total energy of an NVIDIA GPU since its driver was loaded.

    Args:
        uuid: of the GPU, as NVML names it: `GPU-…`.

    Raises:
        OSError: there is no NVML, no such GPU, or it does not count.
    """

    span = None

    def __init__(self, uuid: str):
        self._library, self._handle = ctypes.CDLL(NVML), ctypes.c_void_p()
        self._call("nvmlInit_v2")
        self._call("nvmlDeviceGetHandleByUUID", uuid.encode(), ctypes.byref(self._handle))
        self.read()

    def read(self) -> float:
        millijoules = ctypes.c_ulonglong()
        self._call("nvmlDeviceGetTotalEnergyConsumption", self._handle, ctypes.byref(millijoules))
        return millijoules.value / 1e3

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._library, name)(*arguments)
        if status != 0:
            raise OSError(f"{name} failed with status {status}")


class EnergyMeter:
    """Energy since it was made, by part of the machine.

    Args:
        counters: of each part. A part of which one counter fails says nothing from then on.
    """

    def __init__(self, counters: Mapping[str, Sequence[Counter]]):
        self._counters = {part: list(several) for part, several in counters.items() if several}
        self._total = dict.fromkeys(self._counters, 0.0)
        self._before: dict[str, list[float]] = {}
        self._read_at = -SAMPLE_S
        self.joules()

    @classmethod
    def of(cls, device: torch.device, processes: Processes = ALONE, rapl: Path = RAPL) -> Self:
        """A meter of this machine's CPUs and, where the work is there, of the GPUs of all its processes; of nothing
        where nothing can be read. To be called in every process."""
        counters: dict[str, Sequence[Counter]] = {"cpu": _zones(rapl)}
        gpus = processes.said_by_each(_uuid(device) if device.type == "cuda" else "")
        if all(gpus):
            counters["gpu"] = _gpus(gpus)
        return cls(counters)

    def sample(self) -> None:
        """Reads the counters, if the last reading is a while ago. To be called oftener than they begin anew."""
        if time.monotonic() - self._read_at >= SAMPLE_S:
            self.joules()

    def joules(self) -> dict[str, float]:
        """Joules of each part that can be read."""
        self._read_at = time.monotonic()
        for part, counters in list(self._counters.items()):
            try:
                now = [counter.read() for counter in counters]
                before = self._before.get(part, now)
                self._total[part] += sum(map(_passed, counters, before, now))
            except OSError:
                del self._counters[part], self._total[part]
                continue
            self._before[part] = now
        return dict(self._total)


def added(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """Joules of two stretches of one piece of work. A part that was read in one of them alone is not known."""
    return {part: one[part] + other[part] for part in one if part in other}


def _passed(counter: Counter, before: float, now: float) -> float:
    if now >= before:
        return now - before
    if counter.span is None:
        raise OSError("the counter was set back")
    return now - before + counter.span


def _zones(folder: Path) -> list[RaplZone]:
    """Packages and their memory; none unless all of them can be read. Not `core` and `uncore`, which a package counts,
    nor `psys`, which counts packages."""
    zones = []
    try:
        for zone in sorted(folder.glob("intel-rapl:*")):
            name = (zone / "name").read_text().strip()
            if name.startswith("package") or name == "dram":
                zones.append(RaplZone(zone))
    except (OSError, ValueError):
        return []
    return zones


def _uuid(gpu: torch.device) -> str:
    """What NVML calls a GPU; nothing if torch does not know."""
    uuid = str(getattr(torch.cuda.get_device_properties(gpu), "uuid", ""))
    return f"GPU-{uuid.removeprefix('GPU-')}" if uuid else ""


def _gpus(names: Sequence[str]) -> list[NvmlDevice]:
    """All of them, or none if one cannot be read."""
    try:
        return [NvmlDevice(name) for name in names]
    except OSError:
        return []
