"""What a first trial means, in words."""

import re

import numpy as np
import pytest
import torch

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.pictures.contact_sheet import contact_sheet
from dfnas.project import verdicts
from dfnas.project.attempt import IMAGES, Attempt, attempt
from dfnas.project.normalisation import compared
from dfnas.runtime.seeds import reseed
from dfnas.settings.invert_teacher import InvertTeacherSettings

NAMES = tuple("abcdefghij")


def outcome(agreeing: int, classes: int = 10, seen: int | None = None, steps: int = 20) -> Attempt:
    """An attempt in which so many images are seen as they should, and the others as the next class, or as `seen`."""
    targets = torch.arange(IMAGES) % classes
    others = (targets + 1) % classes if seen is None else torch.full_like(targets, seen)
    found = torch.where(torch.arange(IMAGES) < agreeing, targets, others)
    labels = torch.nn.functional.one_hot(found, classes).float()
    return Attempt(torch.zeros(IMAGES, 3, 8, 8, dtype=torch.uint8), targets, labels, steps, 20, 360.0)


def test_agreement_is_held_against_chance():
    assert verdicts.by_chance(0, 16, 10) == pytest.approx(1)
    assert verdicts.by_chance(16, 16, 2) == pytest.approx(0.5**16)
    assert "16 of 16 images" in verdicts.agreement(outcome(16), 10)
    assert "It works" in verdicts.agreement(outcome(9), 10)
    assert "more than chance, and not enough" in verdicts.agreement(outcome(7), 10)
    assert "That may be chance" in verdicts.agreement(outcome(2), 10)
    assert "It works" not in verdicts.agreement(outcome(10, 2), 2), "of two classes ten in sixteen are chance"


def test_steps_that_did_not_fit_say_nothing_but_how_long_all_take():
    told = verdicts.agreement(outcome(7, steps=5), 10)
    assert "only 5 of 20 steps fitted into its time" in told
    assert "--minutes 9" in told, "six minutes, a quarter more, and one"
    assert "higher invert_teacher.lr" not in told
    assert "It works" in verdicts.agreement(outcome(9, steps=5), 10)
    told = verdicts.agreement(outcome(7, steps=19), 10)
    assert "19 of 20 steps fitted into its time (all into --minutes 9)" in told
    assert "higher invert_teacher.lr" in told


def test_a_classifier_that_prefers_a_class_is_named():
    assert verdicts.one_sided(outcome(16), NAMES) == ""
    told = verdicts.one_sided(outcome(0, seen=3), NAMES)
    assert told.startswith("It sees 'd' in 16 of 16 images, of which 2 were made for it")


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    """A network whose first BatchNorm remembers images that were normalised by mean .4 and deviation .2."""
    reseed(0, "weights")
    network = cifar_resnet(depth=8, widths=(4, 8, 16), classes=4)
    spec = TeacherSpec(classes=4, size=(16, 16), mean=(0.4,) * 3, std=(0.2,) * 3)
    pixels = torch.from_numpy(images(64)).float() / 255
    for _ in range(60):
        network.train()((pixels - 0.4) / 0.2)
    return Teacher(spec, network)


def images(count: int) -> np.ndarray:
    """Grey squares with some noise, (N, 3, 16, 16) uint8, of mean .4 and deviation .2."""
    rng = np.random.default_rng(0)
    values = 0.4 + 0.15 * rng.standard_normal((count, 1, 1, 1)) + 0.13 * rng.standard_normal((count, 3, 16, 16))
    return (255 * values.clip(0, 1)).astype(np.uint8)


def test_the_normalisation_of_the_training_suits_real_images_best(teacher):
    found = compared(teacher, images(4))
    assert found[0].name == "as configured"
    assert "mnist" not in [one.name for one in found]
    assert min(found, key=lambda one: one.distance).name == "as configured"
    assert "suits its BatchNorms as well as any" in verdicts.normalisation(found, NAMES)[-1]
    wrong = Teacher(teacher.spec.model_copy(update={"mean": (0.0,) * 3, "std": (1 / 255,) * 3}), teacher.network)
    told = verdicts.normalisation(compared(wrong, images(4)), NAMES)
    assert re.search("suits? its BatchNorms better than what is configured", told[-1])


def test_images_are_made_in_the_time_that_there_is(teacher):
    stages = [{"downscale": 2, "steps": 400}, {"downscale": 1, "steps": 400}]
    said = {"stages": stages, "batch_size": 256, "canvas_margin": 2, "warmup_steps": 10}
    found = attempt(teacher, InvertTeacherSettings.parse(said), 1e-3)
    assert (found.steps, found.wanted) == (4, 800)
    assert tuple(found.images.shape) == (IMAGES, 3, 18, 18)
    assert found.classes.bincount().tolist() == [4, 4, 4, 4]
    few = [stage | {"steps": 5} for stage in stages]
    assert attempt(teacher, InvertTeacherSettings.parse(said | {"stages": few, "warmup_steps": 2}), 60).steps == 10


def test_a_sheet_has_a_place_for_every_image():
    sheet = contact_sheet(images(5), [("for a", "seen b")] * 5, 4)
    assert sheet.width > 4 * 64
    assert sheet.height > 2 * 64
