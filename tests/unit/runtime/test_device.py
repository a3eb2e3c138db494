"""Which device a job computes on, and what is refused. `without_gpu` holds on every machine."""

import multiprocessing
import os
import signal
import time
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
import torch

from dfnas.runtime import device as module
from dfnas.runtime.device import describe, prepare
from dfnas.runtime.errors import InputError


@pytest.fixture(autouse=True)
def threads_put_back():
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture
def without_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize("name", ["cpu", "auto"])
def test_the_cpu_with_the_threads_asked_for(without_gpu, name):
    with ExitStack() as held:
        assert prepare(name, 2, held) == torch.device("cpu")
    assert torch.get_num_threads() == 2


def test_what_is_repeatable_is_so_without_filled_memory_and_float32_has_all_its_bits(without_gpu):
    torch.utils.deterministic.fill_uninitialized_memory = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    with ExitStack() as held:
        prepare("cpu", 2, held)
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_a_gpu_where_there_is_none(without_gpu, name):
    with ExitStack() as held, pytest.raises(InputError, match=f"device = {name}: torch sees no GPU"):
        prepare(name, 1, held)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:a", "cuda0", "", "mps"])
def test_an_unknown_device(without_gpu, name):
    with ExitStack() as held, pytest.raises(InputError, match="expected auto, cpu, cuda or cuda:N"):
        prepare(name, 1, held)


def test_a_gpu_beyond_the_last_and_the_one_that_is_meant_where_none_is_named(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    with ExitStack() as held:
        assert prepare("cuda:1", 1, held) == torch.device("cuda:1")
        assert chosen == [torch.device("cuda:1")]
        with pytest.raises(InputError, match="cuda:2: there are 2 GPUs"):
            prepare("cuda:2", 1, held)


@pytest.fixture
def two_gpus(monkeypatch, tmp_path):
    """Two GPUs as torch would see them, on a host of which no other test knows."""

    class Properties:
        def __init__(self, index):
            self.uuid = f"gpu-{index}"

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(module, "LOCKS", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", Properties)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Fake")
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)


def test_two_jobs_of_a_host_get_different_gpus(two_gpus):
    with ExitStack() as one, ExitStack() as other:
        assert prepare("cuda", 1, one) == torch.device("cuda:0")
        assert prepare("auto", 1, other) == torch.device("cuda:1")
        one.close()
        with ExitStack() as third:
            assert prepare("cuda", 1, third) == torch.device("cuda:0")


def test_a_gpu_that_is_asked_for_by_its_number_is_shared(two_gpus):
    with ExitStack() as one, ExitStack() as other:
        assert prepare("cuda", 1, one) == prepare("cuda:0", 1, other) == torch.device("cuda:0")


def test_what_slurm_assigns_is_known_by_the_same_name_everywhere(two_gpus, monkeypatch):
    """The second GPU is the first and only one that a job sees which was given it."""
    with ExitStack() as one, ExitStack() as other:
        assert describe(prepare("cuda:1", 1, one)) == "cuda:1, Fake, gpu-1"
        assert prepare("cuda", 1, one) == torch.device("cuda:0")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=f"gpu-{index + 1}"))
        assert describe(prepare("cuda", 1, other)) == "cuda:0, Fake, gpu-1"


def test_instances_of_a_split_gpu_are_not_one(two_gpus, monkeypatch):
    """Each job sees its own instance alone, and torch may say the UUID of the whole for both."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with ExitStack() as held:
        for name in ("MIG-9a7c", "MIG-GPU-51d3/7/0"):
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
            assert prepare("cuda", 1, held) == torch.device("cuda:0")
            assert describe(torch.device("cuda:0")).endswith(name.replace("/", "-"))


def work(notes, stays: bool) -> None:
    """A job in a process of its own: claims a GPU, notes when it has it, and when it is about to let go of it."""
    with ExitStack() as held:
        index = prepare("cuda", 1, held).index
        with open(notes, "a", buffering=1) as file:
            file.write(f"{index} {os.getpid()} has\n")
            time.sleep(600 if stays else 0.2)
            file.write(f"{index} {os.getpid()} had\n")


def start(notes, count: int, stays: bool) -> list:
    jobs = [multiprocessing.get_context("fork").Process(target=work, args=(notes, stays)) for _ in range(count)]
    for job in jobs:
        job.start()
    return jobs


def lines_of(notes, count: int) -> list[list[str]]:
    """The notes, once there are so many."""
    end = time.monotonic() + 60
    while not notes.exists() or len(lines := notes.read_text().splitlines()) < count:
        assert time.monotonic() < end
        time.sleep(0.05)
    return [line.split() for line in lines]


def test_eight_processes_on_two_gpus_never_share_one(two_gpus, tmp_path):
    notes = tmp_path / "notes"
    for job in start(notes, 8, stays=False):
        job.join(60)
        assert job.exitcode == 0
    holder: dict[str, str | None] = {"0": None, "1": None}
    for gpu, process, says in lines_of(notes, 16):
        assert holder[gpu] == (None if says == "has" else process)
        holder[gpu] = process if says == "has" else None
    assert {gpu for gpu, *_ in lines_of(notes, 16)} == {"0", "1"}


def test_a_killed_process_frees_its_gpu(two_gpus, tmp_path):
    notes = tmp_path / "notes"
    jobs = start(notes, 2, stays=True)
    taken = {process: gpu for gpu, process, _ in lines_of(notes, 2)}
    waiting = start(notes, 1, stays=False)[0]
    time.sleep(1.0)
    assert len(lines_of(notes, 2)) == 2, "both are taken"
    os.kill(jobs[0].pid, signal.SIGKILL)
    waiting.join(60)
    assert lines_of(notes, 4)[2] == [taken[str(jobs[0].pid)], str(waiting.pid), "has"]
    jobs[1].kill()
    for job in jobs:
        job.join(60)
