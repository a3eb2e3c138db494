"""What the kernel and its control groups leave this process of the machine's memory."""

import os
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")
UNLIMITED_BYTES = 1 << 60
"""From which on a limit is none: version 1 of control groups says so by a huge number."""


def memory_mb(groups: Path = GROUPS, proc: Path = PROC) -> tuple[int, int]:
    """Megabytes that this process may use, and those of them that are free now: of the host, or of the narrowest of
    its control groups."""
    total, available = _host_memory(proc)
    for folder in folders_of(groups, proc, "memory"):
        for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            most = text_of(folder / limit)
            if most.isdigit() and int(most) < UNLIMITED_BYTES:
                taken = text_of(folder / used)
                total = min(total, int(most))
                available = min(available, int(most) - (int(taken) if taken.isdigit() else 0))
    return total // 10**6, max(0, available) // 10**6


def _host_memory(proc: Path) -> tuple[int, int]:
    said = dict(line.split(":", 1) for line in text_of(proc / "meminfo").splitlines() if ":" in line)
    if "MemTotal" in said and "MemAvailable" in said:
        total, available = (int(said[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
        return total, available
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # without /proc, as on a Mac
    return total, total


def folders_of(groups: Path, proc: Path, controller: str) -> list[Path]:
    """The control groups of this process and those that they lie in. Version 2 has one hierarchy, version 1 one for
    each controller; in a container the path that the kernel names may not be there, and the root is its own group."""
    folders = {groups, groups / controller}
    for line in text_of(proc / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        place = (groups / controller if controllers else groups) / path.lstrip("/")
        folders |= {place, *(parent for parent in place.parents if groups in parent.parents)}
    return sorted(folders)


def text_of(path: Path) -> str:
    """What a file says, nothing where there is none."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
