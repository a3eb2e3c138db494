"""What this process may use of the machine: cores, memory and GPUs, by the host and by its control groups."""

import ctypes
import os
import re
from dataclasses import dataclass
from pathlib import Path

import torch

from dfnas.runtime.control_groups import GROUPS, PROC, folders_of, memory_mb, text_of
from dfnas.runtime.device import BFLOAT16_CAPABILITY, device_name, has_bfloat16
from dfnas.runtime.energy import NVML


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
    cpu_bfloat16: bool | None = None
    """Whether its CPU has instructions for bfloat16; None where nobody says."""
    load: float = 0.0
    """Cores that programs kept busy in the last minute."""
    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    """Version of the GPUs' driver."""

    @property
    def whole_cores(self) -> int:
        """Cores for Snakemake's --cores."""
        return max(1, int(self.cores))

    def uses_gpu(self, device: str) -> bool:
        """Whether a configured device is, or comes to, a GPU of it."""
        return bool(self.gpus) and device != "cpu"

    def has_bfloat16(self, device: str) -> bool:
        """Whether a configured device is known to have instructions for bfloat16; of several, whether all have."""
        if self.uses_gpu(device):
            return all(gpu.capability >= BFLOAT16_CAPABILITY for gpu in self.gpus_of(device).values())
        return bool(self.cpu_bfloat16)

    def gpus_of(self, device: str) -> dict[int, Gpu]:
        """Those that jobs on a device may compute on, by their numbers: of `cuda:1` one, of `cuda` and `auto` all."""
        named = re.fullmatch(r"cuda:(\d+)", device)
        return {number: gpu for number, gpu in enumerate(self.gpus) if not named or number == int(named[1])}


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
        cpu_bfloat16=has_bfloat16(torch.device("cpu")),
        load=os.getloadavg()[0],
        gpus=gpus,
        driver=_driver() if gpus else "",
    )


def cpu_quota(groups: Path = GROUPS, proc: Path = PROC) -> float | None:
    """Cores that the control groups of this process leave it; None where they do not limit it."""
    quotas = []
    for folder in folders_of(groups, proc, "cpu"):
        quota, _, period = text_of(folder / "cpu.max").partition(" ")
        if not quota:
            quota, period = text_of(folder / "cpu.cfs_quota_us"), text_of(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period):
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


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
