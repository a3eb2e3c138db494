"""When the objective is compiled. (What compiled code computes: tests/workflow/test_compiled_inversion.py.)"""

import shutil

import pytest
import torch

from dfnas.cifar_resnet import cifar_resnet
from dfnas.settings.invert_teacher import InvertTeacherSettings, ResolutionStage
from dfnas.synthesis.compilation import batch_macs, pays
from dfnas.teacher import Teacher, TeacherSpec


def settings_of(**changes) -> InvertTeacherSettings:
    sizes = {"batch_size": 6, "canvas_margin": 2, "warmup_steps": 1, "lr": 0.1}
    return InvertTeacherSettings(**{**sizes, "stages": (ResolutionStage(steps=5),), **changes})


def small_teacher() -> Teacher:
    spec = TeacherSpec("-", size=(8, 8), mean=(0.5,) * 3, std=(0.25,) * 3)
    return Teacher(spec, cifar_resnet(8, (4, 6, 8)))


def test_work_is_counted_forward_and_backward_over_all_stages():
    stages = (ResolutionStage(downscale=2, steps=40), ResolutionStage(downscale=1, steps=10))
    spec = TeacherSpec("-", mean=(0.5,) * 3, std=(0.25,) * 3)
    teacher = Teacher(spec, cifar_resnet(20))
    # 40.55 M MACs an image: the published figure of the architecture (akamaster/pytorch_resnet_cifar10).
    expected = 2 * 40.55e6 * 6 * (40 / 4 + 10)
    assert batch_macs(teacher, settings_of(stages=stages)) == pytest.approx(expected, rel=0.01)


def test_auto_compiles_long_runs_only_and_the_setting_overrules(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    teacher = small_teacher()
    assert not pays(teacher, settings_of())
    assert pays(teacher, settings_of(compile="always"))
    steps = int(4e12 * torch.get_num_threads() / (batch_macs(teacher, settings_of()) / 5))
    assert not pays(teacher, settings_of(stages=(ResolutionStage(steps=int(0.9 * steps)),)))
    long = settings_of(stages=(ResolutionStage(steps=int(1.1 * steps)),))
    assert pays(teacher, long)
    assert not pays(teacher, long.model_copy(update={"compile": "never"}))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert not pays(teacher, long)
