"""What this process may use of the machine: cores, memory and GPUs, by the host and by its control groups."""

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from dfnas.runtime.device import device_name
from dfnas.runtime.energy import NVML

GROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")
UNLIMITED_BYTES = 1 << 60
"""From which on a limit is none: version 1 of control groups says so by a huge number."""


@dataclass(frozen=True)
class Gpu:
    """One GPU as torch sees it."""

    name: str
    capability: tuple[int, int]
    total_mb: int
    free_mb: int


@dataclass(frozen=True)
class Machine:
    """What there is."""

    cores: float
    """CPU cores that this process may use; a quota may give parts of one."""
    host_cores: int
    """Those of the host."""
    memory_mb: int
    """Memory that this process, and what it starts, may use."""
    available_mb: int
    """Of it, what is free now."""
    cpu: str
    load: float = 0.0
    """Cores that programs kept busy in the last minute."""
    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    """Version of the GPUs' driver."""

    @property
    def whole_cores(self) -> int:
        """Cores for Snakemake's --cores."""
        return max(1, int(self.cores))


def this_machine() -> Machine:
    """The machine that this process runs on."""
    host, quota = os.cpu_count() or 1, cpu_quota()
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else host
    total, available = memory_mb()
    gpus = _gpus()
    return Machine(
        cores=allowed if quota is None else min(allowed, quota),
        host_cores=host,
        memory_mb=total,
        available_mb=available,
        cpu=device_name(torch.device("cpu")),
        load=os.getloadavg()[0],
        gpus=gpus,
        driver=_driver() if gpus else "",
    )


def cpu_quota(groups: Path = GROUPS, proc: Path = PROC) -> float | None:
    """Cores that the control groups of this process leave it; None where they do not limit it."""
    quotas = []
    for folder in _folders(groups, proc, "cpu"):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if not quota:
            quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period):
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def memory_mb(groups: Path = GROUPS, proc: Path = PROC) -> tuple[int, int]:
    """Megabytes that this process may use, and those of them that are free now: of the host, or of the narrowest of
    its control groups."""
    total, available = _host_memory(proc)
    for folder in _folders(groups, proc, "memory"):
        for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            most = _text(folder / limit)
            if most.isdigit() and int(most) < UNLIMITED_BYTES:
                taken = _text(folder / used)
                total = min(total, int(most))
                available = min(available, int(most) - (int(taken) if taken.isdigit() else 0))
    return total // 10**6, max(0, available) // 10**6


def _host_memory(proc: Path) -> tuple[int, int]:
    said = dict(line.split(":", 1) for line in _text(proc / "meminfo").splitlines() if ":" in line)
    if "MemTotal" in said and "MemAvailable" in said:
        total, available = (int(said[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
        return total, available
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # without /proc, as on a Mac
    return total, total


def _folders(groups: Path, proc: Path, controller: str) -> list[Path]:
    """The control groups of this process and those that they lie in. Version 2 has one hierarchy, version 1 one for
    each controller; in a container the path that the kernel names may not be there, and the root is its own group."""
    folders = {groups, groups / controller}
    for line in _text(proc / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        place = (groups / controller if controllers else groups) / path.lstrip("/")
        folders |= {place, *(parent for parent in place.parents if groups in parent.parents)}
    return sorted(folders)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _gpus() -> tuple[Gpu, ...]:
    if not torch.cuda.is_available():
        return ()
    found = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        free, total = torch.cuda.mem_get_info(index)
        found.append(Gpu(properties.name, (properties.major, properties.minor), total // 10**6, free // 10**6))
    return tuple(found)


def _driver() -> str:
    """The version that NVML says; nothing where there is no NVML."""
    try:
        library, version = ctypes.CDLL(NVML), ctypes.create_string_buffer(80)
        if library.nvmlInit_v2() == 0 and library.nvmlSystemGetDriverVersion(version, len(version)) == 0:
            return version.value.decode()
    except (OSError, AttributeError):
        pass
    return ""
