"""Compiled code computes what the uncompiled code does, and is done without where it cannot be had."""

import shutil

import pytest
import torch
import torch._inductor.config
from torch import nn

from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.errors import InputError
from dfnas.settings.invert_teacher import InvertTeacherSettings, ResolutionStage
from dfnas.synthesis.inversion import Inversion
from dfnas.synthesis.inversion_targets import first_targets
from dfnas.synthesis.objective import Objective

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="torch's compiler needs a C++ compiler")


@pytest.fixture
def small(tmp_path, monkeypatch) -> nn.Module:
    """Little to compile, and all of what is fused."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(4, 3))


def inversion_of(network: nn.Module, **changes) -> Inversion:
    sizes = {"batch_size": 6, "canvas_margin": 2, "warmup_steps": 1, "lr": 0.1}
    settings = InvertTeacherSettings(**{**sizes, "stages": (ResolutionStage(steps=5),), **changes})
    spec = TeacherSpec(builder="-", classes=3, channels=1, size=(8, 8), mean=(0.5,), std=(0.25,))
    return Inversion(Objective(Teacher(spec, network), settings), first_targets(settings, 0, 3)[1], 0, 0)


@needs_compiler
def test_compiled_code_computes_the_same_and_resumes_to_its_own_bits(small: nn.Module):
    plain = inversion_of(small, compile="never", feature_momentum=0.5)
    whole = inversion_of(small, compile="always", feature_momentum=0.5)
    for step in range(2):  # the second has an average to go on from
        plain.advance(1)
        whole.advance(1)
        torch.testing.assert_close(whole.history()[step], plain.history()[step], rtol=1e-3, atol=1e-4)
    gradients = [inversion.state_dict()["adam"]["exp_avg"] for inversion in (whole, plain)]
    torch.testing.assert_close(*gradients, rtol=1e-2, atol=1e-5)
    state, expected = whole.state_dict(), whole.run()
    second = inversion_of(small, compile="always", feature_momentum=0.5)
    second.load_state_dict(state)
    assert torch.equal(second.run(), expected)


@needs_compiler
def test_where_nothing_compiles_it_runs_without_unless_compilation_is_demanded(small: nn.Module, monkeypatch, capsys):
    torch.compiler.reset()
    monkeypatch.setattr("dfnas.synthesis.compilation.MACS_PER_CPU_THREAD", 0)
    with torch._inductor.config.patch({"cpp.cxx": ("false",)}):  # pytest's own way would leave the setting deleted
        with pytest.raises(InputError, match=r"compile = 'always'.*'auto' or 'never'"):
            inversion_of(small, compile="always").run()
        inversion = inversion_of(small, compile="auto")
        assert not inversion._objective.compiled
        images = inversion.run()
    assert "does not compile here" in capsys.readouterr().err
    assert torch.equal(images, inversion_of(small, compile="never").run())
