"""Training from fresh weights, interrupted and not."""

import copy
import dataclasses
import random

import pytest
import torch
from torch import nn

from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.batch_targets import TeacherLabels
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import load_archive, save_archive
from dfnas.settings.descent import OneCycleSettings
from dfnas.settings.training import AugmentationSettings, AveragingSettings, TrainingSettings
from dfnas.training.training import Training

RECIPE = {
    "epochs": 3,
    "batch_size": 8,
    "lr": 0.05,
    "nesterov": True,
    "augmentation": AugmentationSettings(pad=1, cutout=2),
}


class Net(nn.Module):
    """A small network with everything that draws or keeps numbers while it trains."""

    def __init__(self, auxiliary: bool = False):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 6, 3, 2), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.2))
        self.classifier, self.auxiliary = nn.Linear(6, 3), nn.Linear(6, 3) if auxiliary else None
        self.drop_path, self.seen = 0.0, []

    def forward(self, x):
        if self.training:
            self.seen.append(self.drop_path)
        x = self.features(x).mean((2, 3))
        return (self.classifier(x), self.auxiliary(x)) if self.training and self.auxiliary else self.classifier(x)


@pytest.fixture
def make(make_images):
    def make_training(auxiliary=False, seed=0, **changes) -> Training:
        torch.manual_seed(seed)
        settings = TrainingSettings(**RECIPE | changes)
        data, validation = make_images(28), make_images(12, seed=1)
        return Training(Net(auxiliary), data, validation, settings, seed, auxiliary_weight=0.4, drop_path=0.6)

    return make_training


@pytest.fixture
def taught(make_images):
    """A training by a teacher's labels of each view, at a temperature."""

    def make_training(temperature=3.0, **changes) -> Training:
        torch.manual_seed(0)
        spec = TeacherSpec(builder="linear", classes=3, channels=1, size=(8, 8), mean=(0.5,), std=(0.25,))
        teacher = Teacher(spec, nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
        data, settings = make_images(28), TrainingSettings(**RECIPE | changes)
        labels = TeacherLabels(teacher, data, temperature)
        return Training(Net(), data, data, settings, 0, labels=labels, temperature=temperature)

    return make_training


def finish(training: Training, start: int = 0, end: int | None = None) -> list:
    return [row for step in range(start, training.steps if end is None else end) if (row := training.step(step))]


def test_no_step_is_longer_than_the_bound_on_the_gradient(make):
    training = make(clip_norm=1e-3, momentum=0.0, nesterov=False, weight_decay=0.0)
    before = [weight.detach().clone() for weight in training.network.parameters()]
    training.step(0)
    moved = torch.nn.utils.get_total_norm([w - b for w, b in zip(training.network.parameters(), before, strict=True)])
    assert moved.item() == pytest.approx(0.05 * 1e-3, rel=0.01)


@pytest.mark.parametrize("stop", [1, 4, 6, 8])
@pytest.mark.parametrize("auxiliary", [False, True])
def test_training_continued_from_any_step_is_bit_identical(make, tmp_path, stop, auxiliary):
    whole = make(auxiliary)
    rows = finish(whole)
    first = make(auxiliary)
    before = finish(first, end=stop)
    save_archive(tmp_path / "state.pt", first.state_dict())
    second = make(auxiliary, seed=0)
    for parameter in second.network.parameters():
        nn.init.constant_(parameter, 0.5)
    second.load_state_dict(load_archive(tmp_path / "state.pt"))
    torch.manual_seed(99)
    assert before + finish(second, stop) == rows
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name


OPTIONS = {
    "ema": {"averaging": AveragingSettings(kind="ema", decay=0.9)},
    "lookahead": {"averaging": AveragingSettings(kind="lookahead", every=2, decay=0.7, rise=3.0)},
    "mixed": {"mixup": 0.2, "cutmix": 1.0},
    "one cycle in bfloat16": {"schedule": "one_cycle", "precision": "bfloat16", "lr_batch_size": 16},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_with_every_option_a_continued_training_is_bit_identical(make, tmp_path, name):
    whole, first, second = (make(auxiliary=True, **OPTIONS[name]) for _ in range(3))
    rows, before = finish(whole), finish(first, end=4)
    save_archive(tmp_path / "state.pt", first.state_dict())
    for parameter in second.network.parameters():
        nn.init.constant_(parameter, 0.5)
    second.load_state_dict(load_archive(tmp_path / "state.pt"))
    assert before + finish(second, 4) == rows
    for network in ("network", "result"):
        expected = getattr(whole, network).state_dict()
        assert all(torch.equal(value, expected[key]) for key, value in getattr(second, network).state_dict().items())


def test_the_average_is_judged_and_kept_and_the_network_learns_on_as_if_there_were_none(make):
    plain, averaged = make(), make(**OPTIONS["ema"])
    rows = finish(plain), finish(averaged)
    assert [row["train_loss"] for row in rows[0]] == [row["train_loss"] for row in rows[1]]
    assert torch.equal(plain.network.classifier.weight, averaged.network.classifier.weight)
    assert plain.result is plain.network
    assert not torch.equal(averaged.result.classifier.weight, averaged.network.classifier.weight)
    assert averaged.result is averaged.average.network


def test_the_learning_rate_follows_the_one_cycle_scaled_to_the_batch(make):
    rows = finish(make(schedule="one_cycle", lr=0.1, lr_batch_size=16, one_cycle=OneCycleSettings(peak=0.34, end=0.1)))
    assert [row["lr"] for row in rows] == pytest.approx([0.05 * (0.2 + 0.8 * 2 / 3), 0.05 * 0.7, 0.05 * 0.25])


def test_bfloat16_keeps_weights_and_loss_in_float32_and_stays_close(make):
    exact, rounded = make(), make(precision="bfloat16")
    (one, *_), (other, *_) = finish(exact, end=3), finish(rounded, end=3)
    assert other["train_loss"] != one["train_loss"]
    assert other["train_loss"] == pytest.approx(one["train_loss"], rel=0.02)
    assert all(parameter.dtype == torch.float32 for parameter in rounded.network.parameters())


def test_the_run_is_a_function_of_its_seed(make):
    runs = [finish(make(seed=seed)) for seed in (0, 0, 1)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_what_is_easy_to_tell_apart_is_learnt(make):
    rows = finish(make(epochs=12, lr=0.1, augmentation=AugmentationSettings(pad=0)))
    assert rows[-1]["validation_error"] == 0.0
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]


def test_the_validation_error_is_by_what_labels_say_and_not_by_what_images_were_made_for(make):
    """It chooses among the seeds of a network that is exported, and most noise is of another class for its teacher."""
    rows = []
    for turn in (0, 1):
        training = make()
        validation = training.validation
        training.validation = dataclasses.replace(validation, targets=(validation.likely + turn) % 3)
        rows.append(finish(training))
    assert rows[0] == rows[1]


def test_rows_come_once_an_epoch_with_the_rate_of_its_last_step(make):
    training = make(schedule="linear")
    assert training.steps == 9
    rows = finish(training)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["lr"] for row in rows] == pytest.approx([0.05 * (1 - step / 9) for step in (2, 5, 8)])


def test_drop_path_rises_linearly_over_the_epochs(make):
    training = make()
    finish(training)
    assert training.network.seen == pytest.approx([0.0] * 3 + [0.2] * 3 + [0.4] * 3)


def test_the_loss_of_a_step_is_that_of_head_and_auxiliary_head_to_smoothed_labels(make):
    training = make(
        auxiliary=True, label_smoothing=0.1, batch_size=28, augmentation=AugmentationSettings(pad=0, flip=False)
    )
    training.network.features[3].p = 0.0
    net = copy.deepcopy(training.network)
    views, targets = training.batches[0]
    targets = 0.9 * targets + 0.1 / 3
    head, auxiliary = (-(targets * logits.log_softmax(1)).sum(1).mean() for logits in net(views))
    row = training.step(0)
    assert row["train_loss"] == pytest.approx((head + 0.4 * auxiliary).item(), rel=1e-5)


def test_the_loss_of_a_training_by_a_teacher_is_on_its_views_and_has_the_square_of_the_temperature(taught):
    training = taught(3.0, batch_size=28)
    training.network.features[3].p = 0.0
    net = copy.deepcopy(training.network)
    views, _ = training.batches[0]
    targets = (training.batches.labels.network(views) / 3).softmax(1)
    loss = -9 * (targets * (net(views) / 3).log_softmax(1)).sum(1).mean()
    found = training.step(0)["train_loss"]
    assert found == pytest.approx((loss + 9 * (targets * targets.log()).sum(1).mean()).item(), rel=1e-4)  # divergence
    norm = torch.nn.utils.get_total_norm(torch.autograd.grad(loss, list(net.parameters())))
    followed = torch.nn.utils.get_total_norm([weight.grad for weight in training.network.parameters()])
    assert followed.item() == pytest.approx(min(norm.item(), training.settings.clip_norm), rel=1e-4)


def test_a_training_by_a_teacher_continued_from_any_step_is_bit_identical(taught):
    whole, first, second = taught(), taught(), taught()
    rows = finish(whole)
    before = finish(first, end=4)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert before + finish(second, 4) == rows
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name


def test_a_run_that_diverges_is_an_error(make):
    training = make(lr=1e30, clip_norm=0.0)
    with pytest.raises(InputError, match="diverged"):
        finish(training)


@pytest.mark.parametrize("name", ["darts", "mbconv", "shufflenet", "nasbench201"])
def test_architectures_of_every_space_train_in_bfloat16(spaces, make_images, name):
    """The layers with backward passes of their own included."""
    torch.manual_seed(0)
    data, space = make_images(24), spaces[name]
    network = space.network(space.sample(random.Random(2)))
    settings = TrainingSettings(epochs=1, batch_size=8, lr=0.01, precision="bfloat16")
    (row,) = finish(Training(network, data, data, settings, 0))
    assert 0.5 < row["train_loss"] < 3
    assert all(parameter.isfinite().all() for parameter in network.parameters())
