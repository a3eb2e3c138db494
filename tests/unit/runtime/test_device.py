"""Which device a job computes on, and what is refused. `without_gpu` holds on every machine."""

from contextlib import ExitStack

import pytest
import torch

from dfnas.runtime import device as module
from dfnas.runtime.device import prepare
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


@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_a_gpu_where_there_is_none(without_gpu, name):
    with ExitStack() as held, pytest.raises(InputError, match=f"device = {name}: torch sees no GPU"):
        prepare(name, 1, held)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:a", "cuda0", "", "mps"])
def test_an_unknown_device(without_gpu, name):
    with ExitStack() as held, pytest.raises(InputError, match="expected auto, cpu, cuda or cuda:N"):
        prepare(name, 1, held)


def test_a_gpu_beyond_the_last(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with ExitStack() as held:
        assert prepare("cuda:1", 1, held) == torch.device("cuda:1")
        with pytest.raises(InputError, match="cuda:2: there are 2 GPUs"):
            prepare("cuda:2", 1, held)


def test_two_jobs_of_a_host_get_different_gpus(monkeypatch, tmp_path):
    class Properties:
        def __init__(self, index):
            self.uuid = f"gpu-{index}"

    monkeypatch.setattr(module, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", Properties)
    with ExitStack() as one, ExitStack() as other:
        assert prepare("cuda", 1, one) == torch.device("cuda:0")
        assert prepare("auto", 1, other) == torch.device("cuda:1")
        one.close()
        with ExitStack() as third:
            assert prepare("cuda", 1, third) == torch.device("cuda:0")
