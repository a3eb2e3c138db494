"""Cores, memory and device: of the host, of its control groups, and of what a configuration asks for."""

import errno
import fcntl
import os
from dataclasses import replace
from pathlib import Path

import pytest

from dfnas.doctor.device import check_cores, check_device, check_memory
from dfnas.doctor.machine import cpu_quota, memory_mb, this_machine
from dfnas.runtime import device

MEMINFO = "MemTotal:       16000000 kB\nMemAvailable:   8000000 kB\n"


def host(tmp_path: Path, group: str = "0::/job/task\n") -> tuple[Path, Path]:
    """A folder of control groups and one of /proc."""
    groups, proc = tmp_path / "cgroup", tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(group)
    (proc / "meminfo").write_text(MEMINFO)
    (groups / "job" / "task").mkdir(parents=True)
    return groups, proc


def test_without_limits_all_is_the_hosts(tmp_path):
    groups, proc = host(tmp_path)
    (groups / "job" / "cpu.max").write_text("max 100000\n")
    (groups / "job" / "memory.max").write_text("max\n")
    assert cpu_quota(groups, proc) is None
    assert memory_mb(groups, proc) == (16384, 8192)


def test_the_narrowest_group_counts_though_it_be_a_parent(tmp_path):
    groups, proc = host(tmp_path)
    (groups / "job" / "cpu.max").write_text("150000 100000\n")
    (groups / "job" / "task" / "cpu.max").write_text("400000 100000\n")
    (groups / "job" / "memory.max").write_text("4000000000\n")
    (groups / "job" / "memory.current").write_text("3000000000\n")
    assert cpu_quota(groups, proc) == 1.5
    assert memory_mb(groups, proc) == (4000, 1000)


def test_version_1_has_a_hierarchy_for_each_controller(tmp_path):
    groups, proc = host(tmp_path, "5:cpu,cpuacct:/slurm\n3:memory:/slurm\n")
    (groups / "cpu" / "slurm").mkdir(parents=True)
    (groups / "memory" / "slurm").mkdir(parents=True)
    (groups / "cpu" / "slurm" / "cpu.cfs_quota_us").write_text("200000\n")
    (groups / "cpu" / "slurm" / "cpu.cfs_period_us").write_text("100000\n")
    (groups / "memory" / "slurm" / "memory.limit_in_bytes").write_text("2000000000\n")
    (groups / "memory" / "memory.limit_in_bytes").write_text(f"{2**63 - 4096}\n")
    assert cpu_quota(groups, proc) == 2
    assert memory_mb(groups, proc)[0] == 2000


def test_this_machine_has_something_of_each():
    machine = this_machine()
    assert 0 < machine.cores <= machine.host_cores
    assert 0 < machine.available_mb <= machine.memory_mb
    assert machine.cpu


def test_a_gpu_that_is_asked_for_and_not_there(make_config, make_machine, gpu):
    (finding,) = check_device(make_config(device="cuda"), make_machine())
    assert finding.level == "failure"
    (finding,) = check_device(make_config(device="cuda:1"), make_machine(gpus=(gpu,)))
    assert (finding.level, finding.story.endswith("the GPUs here are cuda:0")) == ("failure", True)
    findings = check_device(make_config(resources={"retrain": {"gpu": 1}}), make_machine())
    assert [finding.level for finding in findings] == ["ok", "warning"]
    assert "retrain" in findings[1].story


def test_gpus_that_are_there(make_config, make_machine, gpu):
    (finding,) = check_device(make_config(), make_machine(gpus=(gpu,), driver="570.1"))
    assert finding.level == "ok"
    assert "capability 9.0, 79000 of 80000 MB free, driver 570.1" in finding.story
    findings = check_device(make_config(resources={"retrain": {"gpu": 2}}), make_machine(gpus=(gpu,)))
    assert findings[0].level == "failure"


def test_gpus_that_no_job_can_claim(make_config, make_machine, gpu, tmp_path, monkeypatch):
    """One that is named is not claimed."""

    def refused(file, operation):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(device, "LOCKS", tmp_path)
    monkeypatch.setattr(fcntl, "flock", refused)
    finding, _ = check_device(make_config(), make_machine(gpus=(gpu,)))
    assert (finding.level, "device: cuda:0" in finding.story) == ("failure", True)
    assert [f.level for f in check_device(make_config(device="cuda:0"), make_machine(gpus=(gpu,)))] == ["ok"]
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(device, "LOCKS", tmp_path / "file")
    finding, _ = check_device(make_config(), make_machine(gpus=(gpu,)))
    assert (finding.level, "Not a directory" in finding.story) == ("failure", True)


def test_a_gpu_without_bfloat16_or_with_company(make_config, make_machine, gpu):
    old, shared = replace(gpu, capability=(7, 0)), replace(gpu, free_mb=1000)
    config = make_config(invert_teacher={"precision": "bfloat16"})
    assert [f.level for f in check_device(config, make_machine(gpus=(old, shared)))] == ["warning", "warning"]
    assert check_device(make_config(), make_machine(gpus=(old,)))[0].level == "ok"
    named = make_config(device="cuda:1", invert_teacher={"precision": "bfloat16"})
    (finding,) = check_device(named, make_machine(gpus=(old, gpu)))
    assert (finding.level, finding.story.startswith("cuda:1, ")) == ("ok", True), "of others nothing is said"


def test_a_cpu_without_bfloat16(make_config, make_machine):
    config = make_config(invert_teacher={"precision": "bfloat16"}, retrain={"precision": "bfloat16"})
    (finding,) = check_device(config, make_machine(cpu_bfloat16=False))
    assert finding.level == "warning"
    assert "invert_teacher, retrain" in finding.story
    assert check_device(config, make_machine(cpu_bfloat16=True))[0].level == "ok"
    assert check_device(config, make_machine())[0].level == "ok", "nobody says"
    assert check_device(make_config(), make_machine(cpu_bfloat16=False))[0].level == "ok"


def test_more_threads_than_cores(make_config, make_machine):
    assert check_cores(make_config(), make_machine())[0].level == "ok"
    (finding,) = check_cores(make_config(resources={"search_spos": {"threads": 8}}), make_machine())
    assert finding.level == "warning"
    assert "search_spos ask for up to 8 threads" in finding.story


@pytest.mark.parametrize(("parts", "level"), [({}, "ok"), ({"available_mb": 500}, "failure")])
def test_memory_that_is_taken(make_config, make_machine, parts, level):
    assert check_memory(make_config(), make_machine(**parts))[0].level == level


def test_more_memory_reserved_than_there_is(make_config, make_machine):
    (finding,) = check_memory(make_config(resources={"retrain": {"mem_mb": 64_000}}), make_machine())
    assert finding.level == "warning"
    assert "retrain reserve up to 64000" in finding.story


def test_company_is_noticed(make_config, make_machine):
    (finding,) = check_cores(make_config(), make_machine(load=3.5))
    assert (finding.level, "other programs ask for 3.5 of them" in finding.story) == ("warning", True)
