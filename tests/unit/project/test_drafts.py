"""A configuration as the classifier and the machine need it."""

from pathlib import Path

import pytest
import torch
from torch import nn

from dfnas.doctor.machine import Gpu, Machine
from dfnas.project.classifier import find_out
from dfnas.project.draft import first_draft, fitted
from dfnas.project.rewriting import values
from dfnas.runtime.seeds import reseed

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def classifier(tmp_path, monkeypatch):
    """A TorchScript file of 32 pixels, looked at."""
    monkeypatch.chdir(tmp_path)
    reseed(0, "weights")
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5)
    )
    network(torch.rand(32, 3, 32, 32))
    torch.jit.trace(network.eval(), torch.zeros(2, 3, 32, 32)).save("x.pt")
    return find_out({"weights": "x.pt", "size": 32, "normalisation": "half"}, lambda missing, why: {})


OLD, NEW = (Gpu("a GPU", (major, 0), 80_000, 79_000) for major in (7, 8))


@pytest.mark.parametrize(
    ("parts", "device", "precision"),
    [
        ({}, "auto", "float32"),
        ({"cpu_bfloat16": True}, "auto", "bfloat16"),
        ({"gpus": (NEW,)}, "auto", "bfloat16"),
        ({"gpus": (NEW,)}, "cpu", "float32"),
        ({"gpus": (NEW, OLD), "cpu_bfloat16": True}, "auto", "float32"),
        ({"gpus": (NEW, OLD)}, "cuda:0", "bfloat16"),
        ({"gpus": (NEW, OLD)}, "cuda:1", "float32"),
    ],
)
def test_every_section_computes_in_what_the_machine_has_instructions_for(classifier, parts, device, precision):
    machine = Machine(cores=2, host_cores=2, memory_mb=8000, available_mb=8000, cpu="a CPU", **parts)
    draft = first_draft(ROOT, classifier, "results", {"source": "none"}, machine, flip=True, device=device)
    said = values(draft.text(""))
    found = {name: keys["precision"] for name, keys in said.items() if isinstance(keys, dict) and "precision" in keys}
    assert set(found) == {"invert_teacher", "retrain"}
    assert set(found.values()) == {precision}


class Linear:
    """Measurements by which seconds grow with the images and the steps of each alone."""

    memory_mb = 900

    def __init__(self, whole: float):
        self.whole = whole

    def seconds(self, effort, steps=1.0):
        return self.whole * effort * steps


@pytest.mark.parametrize(
    ("hours", "images"),
    [
        (1.0, 2560),  # 85 % of the hour are 2,176 images, and the whole hour has room for the next multiple of 512
        (0.9, 2048),  # of 1,958, which may become 2,048
        (0.97, 2048),  # of 2,111, which may not become 2,560
        (0.59, 1280),  # of 1,283, which may not become 1,536: one shard has a batch more
        (0.01, 512),
    ],
)
def test_every_shard_has_as_many_batches_where_the_hours_have_room(classifier, hours, images):
    machine = Machine(cores=2, host_cores=2, memory_mb=8000, available_mb=8000, cpu="a CPU")
    draft = first_draft(ROOT, classifier, "results", {"source": "none"}, machine, flip=True, device="cpu")
    found, seconds = fitted(draft, Linear(3600.0), hours)
    assert found.said("synthesis", "images") == images
    assert seconds <= 3600 * hours or images == 512
