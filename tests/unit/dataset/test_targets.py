"""Targets of a batch: stored, the most likely class, or the teacher's word on the view."""

import copy
import io
import threading

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.classifiers.torchscript import ScriptNetwork
from dfnas.dataset.augment import draw, drawn_view, plain_view
from dfnas.dataset.batch_targets import ClassLabels, StoredLabels, TeacherLabels, labels_of, softened
from dfnas.runtime.errors import InputError
from dfnas.settings.search_evolution import SearchEvolutionSettings
from dfnas.settings.training import AugmentationSettings, RetrainSettings
from dfnas.synthesis.inversion_targets import soft_labels
from dfnas.training.losses import soft_cross_entropy

INDICES = torch.tensor([4, 0, 2])


def teacher(mean=(0.5,), std=(0.25,), size=8, classes=3, channels=1) -> Teacher:
    """A linear teacher on the images of `make_images`."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, classes))
    return Teacher(
        TeacherSpec(builder="linear", classes=classes, channels=channels, size=(size, size), mean=mean, std=std),
        network,
    )


def test_softening_the_softmax_of_logits_is_the_softmax_of_softened_logits():
    logits = torch.randn(5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for temperature in (0.5, 1.0, 3.0):
        torch.testing.assert_close(softened(logits.softmax(1), temperature), (logits / temperature).softmax(1))
    hard = torch.eye(7)
    torch.testing.assert_close(softened(hard, 3.0), hard)


def test_stored_labels_are_those_of_the_images_at_the_temperature(make_images):
    data, views = make_images(6), torch.empty(0)
    assert torch.equal(StoredLabels(data)(INDICES, views), data.soft_labels[INDICES])
    expected = (data.soft_labels[INDICES].log() / 3).softmax(1)
    torch.testing.assert_close(StoredLabels(data, 3.0)(INDICES, views), expected)


def test_hard_labels_are_the_most_likely_class_even_where_an_image_was_made_for_another(make_images):
    data = make_images(6)
    data.soft_labels[2] = torch.tensor([0.1, 0.7, 0.2])
    data.targets[2] = 0
    found = ClassLabels(data)(INDICES, torch.empty(0))
    assert torch.equal(found, F.one_hot(torch.tensor([1, 0, 1]), 3).float())


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_teachers_labels_of_plain_views_are_its_calibrated_labels(make_images, temperature):
    data, network = make_images(6), teacher()
    found = TeacherLabels(network, data, temperature)(INDICES, plain_view(data, data.images[INDICES]))
    torch.testing.assert_close(found, soft_labels(network, data.images, temperature=temperature)[INDICES])


@pytest.mark.parametrize(
    ("settings", "further"), [(RetrainSettings, {}), (SearchEvolutionSettings, {"space": {"name": "nasbench201"}})]
)
def test_a_training_in_bfloat16_asks_the_teacher_in_it(make_images, settings, further):
    data, network = make_images(6), teacher()
    views = plain_view(data, data.images)
    halved, whole = (
        labels_of(data, settings.parse({"labels": "teacher", "precision": precision} | further), network)(
            torch.arange(6), views
        )
        for precision in ("bfloat16", "float32")
    )
    with torch.autocast("cpu", torch.bfloat16):
        logits = network.network(views)
    assert logits.dtype == torch.bfloat16
    assert halved.dtype == torch.float32
    assert torch.equal(halved, logits.float().softmax(1))
    assert not torch.equal(halved, whole)
    torch.testing.assert_close(halved, whole, rtol=0.05, atol=0.01)


@pytest.mark.parametrize("normalisation", [{}, {"mean": (0.2,), "std": (0.7,)}], ids=["its own", "another"])
def test_the_teacher_sees_the_augmented_view_in_its_own_normalisation(make_images, normalisation):
    data, network = make_images(6), teacher(**normalisation)
    settings = AugmentationSettings(pad=2, cutout=3)
    draws = draw(len(data.images), data, settings, torch.Generator().manual_seed(0))
    views = drawn_view(data, data.images, settings, draws)
    pixels = views * 0.25 + 0.5
    expected = network(pixels).softmax(1)
    found = TeacherLabels(network, data)(torch.arange(6), views)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert (found - TeacherLabels(network, data)(torch.arange(6), plain_view(data, data.images))).abs().max() > 0.05


@pytest.mark.parametrize(
    ("kind", "temperature", "made"),
    [
        ("soft", 3.0, lambda data: StoredLabels(data, 3.0)),
        ("hard", 1.0, ClassLabels),
        ("teacher", 3.0, lambda data: TeacherLabels(teacher(), data, 3.0)),
    ],
)
def test_settings_choose_the_labels(make_images, kind, temperature, made):
    data = make_images(6)
    views = plain_view(data, data.images[INDICES])
    found = labels_of(data, RetrainSettings(labels=kind, temperature=temperature), teacher())
    assert torch.equal(found(INDICES, views), made(data)(INDICES, views))


def test_a_loss_can_be_differentiated_with_the_teachers_labels(make_images):
    data = make_images(6)
    targets = TeacherLabels(teacher(), data, 3.0)(INDICES, plain_view(data, data.images[INDICES]))
    assert not targets.requires_grad
    logits = torch.zeros(3, 3, requires_grad=True)
    soft_cross_entropy(logits, targets, 3.0).backward()
    torch.testing.assert_close(logits.grad, (1 / 3 - targets) / 3 / 3)


@pytest.fixture
def normed() -> Teacher:
    """A teacher with BatchNorms over images and over features, whose stored statistics are not those of the images."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.BatchNorm1d(144), nn.Dropout(0.5)]
    network = nn.Sequential(*layers, nn.Linear(144, 3))
    for norm in (network[1], network[4]):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
    return Teacher(TeacherSpec(builder="normed", classes=3, channels=1, size=(8, 8), mean=(0.5,), std=(0.25,)), network)


def test_a_teacher_can_label_views_by_their_own_statistics(make_images, normed):
    """As in training mode, but without its dropout; the teacher itself stays as it is."""
    data = make_images(6)
    views, before = plain_view(data, data.images), copy.deepcopy(normed.state_dict())
    stored = TeacherLabels(normed, data, 3.0)(torch.arange(6), views)
    found = TeacherLabels(normed, data, 3.0, batch_statistics=True)(torch.arange(6), views)
    training = copy.deepcopy(normed.network).train()
    training[5].eval()
    torch.testing.assert_close(found, (training(views) / 3).softmax(1))
    assert (found - stored).abs().max() > 0.05
    assert all(torch.equal(value, before[name]) for name, value in normed.state_dict().items())
    assert torch.equal(TeacherLabels(normed, data, 3.0)(torch.arange(6), views), stored)
    chosen = RetrainSettings(labels="teacher", temperature=3.0, teacher_statistics="batch")
    assert torch.equal(labels_of(data, chosen, normed)(torch.arange(6), views), found)


def test_a_teacher_on_batch_statistics_has_no_weights_of_its_own(normed):
    ours = {id(weight) for weight in normed.network.parameters()}
    assert {id(weight) for weight in normed.on_batch_statistics().parameters()} == ours


def test_statistics_of_a_batch_need_a_batchnorm_and_more_than_one_view(make_images, normed):
    data = make_images(6)
    with pytest.raises(InputError, match=r"teacher has no BatchNorm with stored .* take teacher_statistics = stored"):
        TeacherLabels(teacher(), data, batch_statistics=True)
    labels = TeacherLabels(normed, data, batch_statistics=True)
    with pytest.raises(InputError, match="one image has no statistics; give batch_size at least two"):
        labels(torch.arange(1), plain_view(data, data.images[:1]))
    normed.network.kept = threading.Lock()
    with pytest.raises(InputError, match=r"cannot be copied: .*lock.*; take teacher_statistics = stored"):
        TeacherLabels(normed, data, batch_statistics=True)


def test_a_torchscript_teacher_can_label_by_the_statistics_of_a_batch(make_images, normed):
    data = make_images(6)
    views = plain_view(data, data.images)
    held = io.BytesIO()
    torch.jit.save(torch.jit.trace(normed.network, views), held)
    script = Teacher(normed.spec, ScriptNetwork(held.getvalue(), views, "script.pt"))
    found, expected = (
        TeacherLabels(t, data, 3.0, batch_statistics=True)(torch.arange(6), views) for t in (script, normed)
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("other", [{"classes": 4}, {"size": 9}, {"channels": 2, "mean": (0.5, 0.5), "std": (1.0, 1.0)}])
def test_a_teacher_of_another_task_is_an_error(make_images, other):
    with pytest.raises(InputError, match=rf"data set has {next(iter(other))} .*, but the teacher"):
        TeacherLabels(teacher(**other), make_images(6))
