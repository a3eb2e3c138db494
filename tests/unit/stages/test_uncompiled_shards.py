"""What `invert_teacher` says of a shard whose code was to be compiled and could not be."""

import functools
import importlib
import json
import shutil

import numpy as np
import pytest
import torch
from torch._dynamo.backends.common import aot_autograd

from dfnas.artifacts.teacher import save_teacher
from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.dataset.writing import read_shard

pytestmark = pytest.mark.slow

COMPILE = torch.compile
RESNET = {"depth": 8, "widths": [2, 2, 2], "channels": 1, "classes": 3}


@pytest.fixture
def teacher(tmp_path):
    torch.manual_seed(0)
    spec = TeacherSpec(arguments=RESNET, classes=3, channels=1, size=(8, 8), mean=(0.2,), std=(0.6,))
    network = cifar_resnet(**RESNET)
    network(torch.randn(16, 1, 8, 8))  # a network whose BatchNorms have seen nothing is refused
    save_teacher(tmp_path / "teacher.pt", spec, network.state_dict(), {})
    return tmp_path / "teacher.pt"


def inverted(teacher, compile: str, capsys) -> tuple[np.ndarray, dict, str]:
    """The images of a shard, where they came from, and what was printed."""
    module = importlib.import_module("dfnas.stages.invert_teacher")
    out = teacher.parent / f"{compile}.h5"
    sizes = ["--batch-size", 3, "--stages", json.dumps([{"steps": 3}]), "--warmup-steps", 1, "--compile", compile]
    batches = ["--generation", 0, "--first-batch", 0, "--batches", 2]
    files = ["--teacher", teacher, "--out", out, "--history", out.with_suffix(".csv")]
    arguments = ["--device", "cpu", *map(str, (*sizes, *batches, *files))]
    assert module.STAGE.main(module.invert_teacher, arguments) == 0
    images, _, attributes = read_shard(out)
    return images, attributes["provenance"], capsys.readouterr().err


def test_a_shard_that_could_not_be_compiled_says_so_and_is_that_of_uncompiled_code(teacher, monkeypatch, capsys):
    """Only the backward pass fails, which a compiler looks at when it first runs."""

    def failing(graph, inputs):
        raise RuntimeError("no backward pass")

    torch.compiler.reset()
    monkeypatch.setattr("dfnas.synthesis.compilation.MACS_PER_CPU_THREAD", 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    backend = aot_autograd(fw_compiler=lambda graph, inputs: graph, bw_compiler=failing)
    monkeypatch.setattr(torch, "compile", functools.partial(COMPILE, backend=backend))
    images, provenance, said = inverted(teacher, "auto", capsys)
    assert said.count("the teacher does not compile here") == 1
    assert provenance["compiled"] is False
    plain, _, _ = inverted(teacher, "never", capsys)
    assert np.array_equal(images, plain)
