"""`calibrate_labels` says where what was made looks wrong, and only there."""

import json

import numpy as np
import pytest
import torch

from dfnas.artifacts.teacher import save_teacher
from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.dataset.writing import write_shard
from dfnas.stages import calibrate_labels

CLASSES, IMAGES = 4, 16
ARGUMENTS = {"depth": 8, "widths": [2, 4, 4], "classes": CLASSES}
STAGES = [{"downscale": 1, "steps": 10}]


@pytest.fixture
def calibrated(tmp_path, capsys):
    """The warning and the report on images that the teacher takes for class 0, made for given classes."""
    teacher = tmp_path / "teacher.pt"
    torch.manual_seed(0)
    state = cifar_resnet(**ARGUMENTS).state_dict()
    state["linear.bias"][0] = 100.0
    spec = TeacherSpec(arguments=ARGUMENTS, classes=CLASSES, channels=3, size=8)
    save_teacher(teacher, spec, state, {"stage": "import_teacher"})

    def run(classes: np.ndarray, stages: list, *more: str, status: int = 0) -> tuple[list[str], dict]:
        images = np.random.default_rng(0).integers(0, 256, (len(classes), 3, 8, 8), dtype=np.uint8)
        aims = np.eye(CLASSES, dtype=np.float32)[classes]
        provenance = {"stage": "invert_teacher", "settings": {"stages": stages}}
        shard, report = tmp_path / "shard.h5", tmp_path / "labels.json"
        write_shard(shard, images, classes, {"generation": 0, "provenance": provenance}, aims)
        files = ["--teacher", teacher, "--shards", shard, "--out", tmp_path / "labels.h5", "--report", report]
        options = [*map(str, files), "--generation", "0", "--device", "cpu", *more]
        assert calibrate_labels.STAGE.main(calibrate_labels.calibrate_labels, options) == status
        said = capsys.readouterr().err.splitlines()
        if status:
            assert not report.exists()
            return said, {}
        return [line for line in said if "warning" in line], json.loads(report.read_text())

    return run


def test_images_in_which_the_teacher_sees_other_classes_are_warned_of(calibrated):
    warnings, report = calibrated(np.arange(IMAGES) % CLASSES, STAGES)
    assert report["agreement"] == 0.25
    assert len(warnings) == 1
    start = "calibrate_labels: warning: generation 0: the teacher sees the class that an image was made for in 25.0% of"
    assert warnings[0].startswith(start)
    assert warnings[0].endswith(report["doubt"])


def test_images_in_which_it_sees_what_they_were_made_for_are_not(calibrated):
    assert calibrated(np.zeros(IMAGES, dtype=np.int64), STAGES)[0] == []


def test_noise_was_not_made_to_agree(calibrated):
    warnings, report = calibrated(np.arange(IMAGES) % CLASSES, [])
    assert (warnings, report["agreement"], report["doubt"]) == ([], 0.25, None)


def test_an_agreement_by_chance_stops_the_run(calibrated):
    at_chance = np.arange(400) % CLASSES
    said, _ = calibrated(at_chance, STAGES, status=1)
    assert len(said) == 1
    assert said[0].startswith(
        "calibrate_labels: error: generation 0: the teacher sees the class that an image was made for in 25.0% of them "
        "only (by chance 25.0%): "
    )
    assert said[0].endswith("or set calibrate_labels.at_chance to go_on")


def test_unless_it_is_told_to_go_on_or_the_images_are_noise(calibrated):
    at_chance = np.arange(400) % CLASSES
    warnings, report = calibrated(at_chance, STAGES, "--at-chance", "go_on")
    assert (len(warnings), report["agreement"]) == (1, 0.25)
    assert calibrated(at_chance, [])[0] == []
