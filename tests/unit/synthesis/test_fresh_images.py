"""Images made while a network learns: which, when, in whose place, and the same after an interruption."""

import copy

import pytest
import torch
from torch import nn

from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.batch_targets import TeacherLabels
from dfnas.doctor.trial import Ended, Trial
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import load_archive, save_archive
from dfnas.settings.invert_teacher import InvertTeacherSettings, ResolutionStage
from dfnas.settings.training import AugmentationSettings, FreshSettings, RetrainSettings
from dfnas.synthesis.fresh_images import WithFreshImages
from dfnas.synthesis.objective import Objective
from dfnas.training.training import Training

pytestmark = pytest.mark.slow

INVERSION = {"batch_size": 6, "canvas_margin": 2, "flip": False, "warmup_steps": 1, "compile": "never"}
STAGES = (ResolutionStage(downscale=2, steps=3), ResolutionStage(downscale=1, steps=4))
COUNT, PER_EPOCH, MADE = 20, 2, 7  # images; steps of an epoch and of a batch of images


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    features = [nn.Conv2d(1, 6, 3, 2), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*features, nn.Linear(6, 3))


@pytest.fixture
def make(make_images):
    def make_training(stages=STAGES, margin=2, **fresh) -> tuple[WithFreshImages, Training]:
        spec = TeacherSpec(builder="net", classes=3, channels=1, size=(8, 8), mean=(0.5,), std=(0.25,))
        teacher, data = Teacher(spec, network(1)), make_images(COUNT)
        settings = RetrainSettings(
            epochs=5, batch_size=10, lr=0.05, labels="teacher", augmentation=AugmentationSettings(pad=1)
        )
        training = Training(network(0), data, make_images(9), settings, 3, 0, 0, labels=TeacherLabels(teacher, data))
        inversion = InvertTeacherSettings(**INVERSION | {"stages": stages, "canvas_margin": margin})
        return WithFreshImages(training, teacher, inversion, FreshSettings(every_epochs=2, **fresh)), training

    return make_training


def finish(work: WithFreshImages, start: int = 0, end: int | None = None) -> list:
    return [row for step in range(start, work.steps if end is None else end) if (row := work.step(step))]


def test_rounds_come_between_epochs_and_none_after_the_last(make):
    work, training = make()
    assert training.steps == 5 * PER_EPOCH
    assert work.steps == training.steps + 2 * MADE
    before, changed = training.batches.data.images.clone(), []
    for step in range(work.steps):
        work.step(step)
        if not torch.equal(training.batches.data.images, before):
            changed.append(step)
            before = training.batches.data.images.clone()
    assert changed == [2 * PER_EPOCH + MADE - 1, 4 * PER_EPOCH + 2 * MADE - 1]


@pytest.mark.parametrize(("epochs", "rounds"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2)])
def test_a_last_epoch_has_no_round_behind_it(epochs, rounds):
    assert FreshSettings(every_epochs=2).rounds(epochs) == rounds
    assert FreshSettings().rounds(epochs) == 0


def test_the_oldest_images_make_way(make):
    work, training = make(batches=2)
    before = training.batches.data.images.clone()
    finish(work)
    after = training.batches.data.images
    same = [torch.equal(*pair) for pair in zip(before, after, strict=True)]
    assert not any(same), "two rounds of 12, of 20 images: all are new"
    work, training = make(batches=1)
    finish(work)
    same = [torch.equal(*pair) for pair in zip(before, training.batches.data.images, strict=True)]
    assert same == [False] * 12 + [True] * 8


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_trial_counts_the_images_apart_for_each_process_makes_them_all(make, weight):
    work, training = make(batches=2, competition_weight=weight)
    trial = Trial()
    with pytest.raises(Ended):
        trial.of(work)
    counts = {name: (kind.steps, kind.alone) for name, kind in trial.kinds.items()}
    images = {f"images, stage {number}": (2 * 2 * stage.steps, True) for number, stage in enumerate(STAGES)}
    assert counts == {"step": (training.steps - 5, False), "end of an epoch": (5, False)} | images
    assert all(kind.times for kind in trial.kinds.values())


def test_every_round_makes_images_of_its_own(make):
    work, training = make()
    finish(work)
    first, second = training.batches.data.images[:12].split(6)
    assert not any(torch.equal(one, other) for one in first for other in second)


def test_the_history_is_the_trainings(make):
    work, _ = make()
    rows = finish(work)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]
    assert all(set(row) == {"epoch", "lr", "train_loss", "validation_error"} for row in rows)


def test_until_the_first_round_nothing_differs_and_after_it_something_does(make):
    (work, _), (_, plain) = make(), make()
    rows, expected = finish(work), [row for step in range(plain.steps) if (row := plain.step(step))]
    assert rows[:2] == expected[:2]
    assert rows[2:] != expected[2:]


@pytest.mark.parametrize("weight", [0.0, 5.0])
@pytest.mark.parametrize("stop", [3, 6, 9, 11, 12, 15, 18, 20, 27])
def test_a_continued_run_is_bit_identical(make, tmp_path, stop, weight):
    """Stopped in an epoch, in either batch of a round, between these, and right after a round."""
    (whole, expected), (first, _), (second, found) = (make(batches=2, competition_weight=weight) for _ in range(3))
    rows, before = finish(whole), finish(first, end=stop)
    save_archive(tmp_path / "state.pt", first.state_dict())
    for parameter in found.network.parameters():
        nn.init.constant_(parameter, 0.5)
    second.load_state_dict(load_archive(tmp_path / "state.pt"))
    torch.manual_seed(99)
    assert before + finish(second, stop) == rows
    assert torch.equal(found.batches.data.images, expected.batches.data.images)
    for name, value in expected.network.state_dict().items():
        assert torch.equal(value, found.network.state_dict()[name]), name


def test_the_competitor_is_the_network_as_it_is_when_the_round_begins(make, monkeypatch):
    seen = []
    call = Objective._competition

    def watched(self, logits, images):
        seen.append(copy.deepcopy(self._competitor.network.state_dict()))
        return call(self, logits, images)

    monkeypatch.setattr(Objective, "_competition", watched)
    work, training = make(competition_weight=5.0)
    states = {}
    for step in range(work.steps):
        if step in (2 * PER_EPOCH, 4 * PER_EPOCH + MADE):
            states[len(seen)] = copy.deepcopy(training.network.state_dict())
        work.step(step)
    assert len(seen) == 2 * MADE
    for place, state in enumerate(seen):
        expected = states[place // MADE * MADE]
        assert all(torch.equal(value, expected[name]) for name, value in state.items())
    assert all(parameter.requires_grad for parameter in training.network.parameters())


def test_the_competition_makes_images_that_the_network_knows_less(make):
    """Against the same start: the teacher's and the network's opinions of what is made lie further apart."""
    apart = []
    for weight in (0.0, 50.0):
        work, training = make(competition_weight=weight, stages=(ResolutionStage(downscale=1, steps=60),), batches=2)
        finish(work, end=2 * PER_EPOCH + 120)
        views = (training.batches.data.images[:12, :, 1:-1, 1:-1].float() / 255 - 0.5) / 0.25
        student, teacher = copy.deepcopy(training.network).eval(), work._objective.teacher.network
        with torch.no_grad():
            apart.append((student(views).softmax(1) - teacher(views).softmax(1)).abs().sum(1).mean().item())
    assert apart[1] > apart[0]


def test_images_of_another_size_are_an_error(make):
    with pytest.raises(InputError, match="1 x 10 x 10, and invert_teacher makes 1 x 12 x 12"):
        make(margin=4)


def test_an_inversion_without_steps_is_an_error(make):
    with pytest.raises(InputError, match=r"invert_teacher\.stages is empty"):
        make(stages=())


def test_fresh_images_without_the_teachers_labels_are_an_error():
    with pytest.raises(InputError, match=r"fresh\.every_epochs needs labels = teacher, not soft"):
        RetrainSettings.parse({"fresh": {"every_epochs": 2}})
