"""Configurations and machines that the doctor's tests share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dfnas.doctor.machine import Gpu, Machine
from dfnas.doctor.workflow import PlannedJob
from dfnas.settings.config import Config

ROOT = Path(__file__).resolve().parents[3]
GPU = Gpu("H100", (9, 0), 80_000, 79_000)


@pytest.fixture(scope="session")
def make_config() -> Callable[..., Config]:
    """The embedded default with some sections changed, key by key."""

    def make(**sections: Any) -> Config:
        values = yaml.safe_load((ROOT / "config.yaml").read_text())
        for name, changes in sections.items():
            own = values.get(name)
            values[name] = own | changes if isinstance(own, dict) and isinstance(changes, dict) else changes
        return Config.parse(values)

    return make


@pytest.fixture(scope="session")
def make_machine() -> Callable[..., Machine]:
    def make(**parts: Any) -> Machine:
        plain = {"cores": 4, "host_cores": 8, "memory_mb": 16_000, "available_mb": 12_000, "cpu": "a CPU"}
        return Machine(**plain | parts)

    return make


@pytest.fixture(scope="session")
def gpu() -> Gpu:
    return GPU


@pytest.fixture(scope="session")
def chain() -> list[PlannedJob]:
    """One job, then three that wait for it, then one that waits for these."""
    first = PlannedJob("pretrain_teacher", (), ("teacher.pt",), mem_mb=1000)
    middle = [
        PlannedJob("search_spos", ("teacher.pt",), (f"{seed}.json",), {"search_data": "original"}, mem_mb=1000)
        for seed in range(3)
    ]
    last = PlannedJob("table1", tuple(job.outputs[0] for job in middle), ("table1.csv",), threads=1024, mem_mb=1000)
    return [first, *middle, last]
