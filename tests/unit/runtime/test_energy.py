"""Joules from the counters of a made-up sysfs: which count, what happens when they begin anew, and interruptions."""

from types import SimpleNamespace

import pytest
import torch

from dfnas.runtime import checkpoint as checkpoint_module
from dfnas.runtime import energy
from dfnas.runtime.checkpoint import Checkpoint
from dfnas.runtime.energy import EnergyMeter, added
from dfnas.runtime.resumable import run

CPU = torch.device("cpu")
SPAN = 262_143_328_850
"""max_energy_range_uj of a common package."""


class FakeSysfs:
    """Zones of RAPL, as the kernel shows them."""

    def __init__(self, folder):
        self.folder = folder

    def zone(self, place: str, name: str, microjoules: int, span: int = SPAN) -> None:
        zone = self.folder / f"intel-rapl:{place}"
        zone.mkdir()
        (zone / "name").write_text(f"{name}\n")
        (zone / "max_energy_range_uj").write_text(f"{span}\n")
        self.set(place, microjoules)

    def set(self, place: str, microjoules: int) -> None:
        (self.folder / f"intel-rapl:{place}" / "energy_uj").write_text(f"{microjoules}\n")


@pytest.fixture
def sysfs(tmp_path) -> FakeSysfs:
    """Two sockets with memory, cores inside the first, and a platform counter over all."""
    fake = FakeSysfs(tmp_path)
    for place, name in (("0", "package-0"), ("0:0", "core"), ("0:1", "dram"), ("1", "package-1"), ("2", "psys")):
        fake.zone(place, name, 1_000_000)
    return fake


def test_packages_and_their_memory_count_once(sysfs):
    meter = EnergyMeter.of(CPU, rapl=sysfs.folder)
    assert meter.joules() == {"cpu": 0.0}
    for place, joules in (("0", 5), ("0:0", 4), ("0:1", 2), ("1", 7), ("2", 99)):
        sysfs.set(place, 1_000_000 + joules * 1_000_000)
    assert meter.joules() == {"cpu": pytest.approx(5 + 2 + 7)}


def test_a_counter_that_begins_anew(sysfs):
    sysfs.set("0", SPAN - 3_000_000)
    meter = EnergyMeter.of(CPU, rapl=sysfs.folder)
    sysfs.set("0", 4_000_000)
    assert meter.joules() == {"cpu": pytest.approx(7)}
    sysfs.set("0", SPAN - 1_000_000)
    meter.joules()
    sysfs.set("0", 0)
    assert meter.joules() == {"cpu": pytest.approx(4 + SPAN / 1e6 - 1)}


def test_samples_see_every_new_beginning(sysfs, monkeypatch):
    """Between two readings a counter may begin anew once: sampled in time, four times are counted."""
    clock = iter(range(0, 10_000, 30))
    monkeypatch.setattr(energy.time, "monotonic", lambda: next(clock))
    meter = EnergyMeter.of(CPU, rapl=sysfs.folder)
    for _ in range(3):
        for share in (0.9, 0.1):
            sysfs.set("0", int(SPAN * share))
            meter.sample()
    sysfs.set("0", 1_000_000)
    meter.sample()
    assert meter.joules()["cpu"] == pytest.approx(4 * SPAN / 1e6)


@pytest.mark.parametrize("content", ["", "unknown\n"])
def test_nothing_is_said_where_a_zone_cannot_be_read(sysfs, content):
    (sysfs.folder / "intel-rapl:1" / "energy_uj").write_text(content)
    assert EnergyMeter.of(CPU, rapl=sysfs.folder).joules() == {}


def test_a_machine_without_counters(tmp_path):
    assert EnergyMeter.of(CPU, rapl=tmp_path / "nothing").joules() == {}


def test_a_counter_that_fails_later_takes_back_what_it_said(sysfs):
    meter = EnergyMeter.of(CPU, rapl=sysfs.folder)
    (sysfs.folder / "intel-rapl:0" / "energy_uj").unlink()
    assert meter.joules() == {}


class Gpu:
    """In joules; set back when its driver is loaded anew."""

    span = None
    counted = 50.0

    def read(self):
        return self.counted


def test_a_gpu_counts_beside_the_cpu_and_says_nothing_once_it_was_set_back(sysfs):
    gpu = Gpu()
    meter = EnergyMeter({"gpu": [gpu], "cpu": []})
    gpu.counted = 62.5
    assert meter.joules() == {"gpu": 12.5}
    gpu.counted = 1.0
    assert meter.joules() == {}


class FakeNvml:
    """NVML with one GPU, which has taken so many millijoules."""

    millijoules = 1_500

    def __init__(self, name):
        assert name == "libnvidia-ml.so.1"

    def nvmlInit_v2(self):  # noqa: N802
        return 0

    def nvmlDeviceGetHandleByUUID(self, uuid, handle):  # noqa: N802
        handle._obj.value = 7
        return 0 if uuid == b"GPU-12" else 6

    def nvmlDeviceGetTotalEnergyConsumption(self, handle, millijoules):  # noqa: N802
        assert handle.value == 7
        millijoules._obj.value = self.millijoules
        return 0


class Pair:
    """The first of two processes, the other on a GPU of some name."""

    def __init__(self, other: str):
        self.other = other

    def said_by_each(self, own: str) -> list[str]:
        return [own, self.other]


@pytest.mark.parametrize(("other", "joules"), [("GPU-12", {"gpu": 5.0}), ("GPU-13", {}), ("", {})])
def test_the_gpus_of_all_processes_count_or_none(monkeypatch, tmp_path, other, joules):
    monkeypatch.setattr(energy.ctypes, "CDLL", FakeNvml)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="12"))
    meter = EnergyMeter.of(torch.device("cuda", 0), Pair(other), tmp_path)
    monkeypatch.setattr(FakeNvml, "millijoules", 4_000)
    assert meter.joules() == joules


def test_nvml_counts_millijoules_of_the_gpu_of_that_name(monkeypatch):
    monkeypatch.setattr(energy.ctypes, "CDLL", FakeNvml)
    meter = EnergyMeter({"gpu": [energy.NvmlDevice("GPU-12")]})
    monkeypatch.setattr(FakeNvml, "millijoules", 4_000)
    assert meter.joules() == {"gpu": 2.5}
    with pytest.raises(OSError, match="nvmlDeviceGetHandleByUUID failed with status 6"):
        energy.NvmlDevice("GPU-13")


def test_what_is_known_of_one_stretch_alone_is_not_known():
    assert added({"cpu": 1.0, "gpu": 2.0}, {"cpu": 3.0}) == {"cpu": 4.0}


class Heater:
    """Takes two joules a step."""

    steps = 5

    def __init__(self, sysfs, dies_at=steps):
        self.sysfs, self.dies_at = sysfs, dies_at

    def step(self, index):
        if index == self.dies_at:
            raise KeyboardInterrupt
        self.sysfs.set("0", 1_000_000 + (index + 1) * 2_000_000)

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


@pytest.mark.parametrize("dies_at", range(1, 5))
def test_joules_are_summed_over_interruptions(sysfs, tmp_path, monkeypatch, dies_at):
    """What the machine takes between the two stretches is not the work's."""
    monkeypatch.setattr(checkpoint_module, "INTERVAL_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run(Heater(sysfs, dies_at), Checkpoint(tmp_path, {}), "heating", EnergyMeter.of(CPU, rapl=sysfs.folder))
    sysfs.set("1", 900_000_000)
    outcome = run(Heater(sysfs), Checkpoint(tmp_path, {}), "heating", EnergyMeter.of(CPU, rapl=sysfs.folder))
    assert outcome.cost.joules == {"cpu": pytest.approx(2 * Heater.steps)}
