"""Layers that normalise by stored statistics, of torch and of others: all serve like a BatchNorm with their numbers."""

import warnings

import pytest
import torch
from timm.layers import BatchNormAct2d, FrozenBatchNormAct2d
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.norms import stored_norms
from dfnas.classifiers.teacher import Teacher
from dfnas.measure.statistics import NormStatistics, norm_layers
from dfnas.search.recalibration import recalibrate
from dfnas.synthesis.statistics import FeatureStatistics

SPEC = TeacherSpec(builder="x:y", classes=3, channels=1, size=(6, 5), mean=(0.5,), std=(0.25,))


class DetectronsFrozen(nn.Module):
    """As detectron2's, which is torch's own operation on buffers."""

    def __init__(self, channels: int):
        super().__init__()
        self.eps = 1e-5
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), value))

    def forward(self, x):
        numbers = (self.running_mean, self.running_var, self.weight, self.bias)
        return nn.functional.batch_norm(x, *numbers, training=False, eps=self.eps)


class AlwaysStored(nn.BatchNorm2d):
    """A BatchNorm that is frozen by its forward pass."""

    def forward(self, x):
        return nn.functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class ChannelsLast(nn.Module):
    """Stored statistics of the last dimension: of another kind than those of an image's channels."""

    def __init__(self):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(5))
        self.register_buffer("running_var", torch.ones(5))

    def forward(self, x):
        return (x - self.running_mean) / self.running_var.sqrt()


KINDS = {
    "torchvision": FrozenBatchNorm2d,
    "timm, frozen": lambda channels: FrozenBatchNormAct2d(channels, apply_act=False),
    "timm": lambda channels: BatchNormAct2d(channels, apply_act=False),
    "detectron": DetectronsFrozen,
    "frozen by its pass": AlwaysStored,
    "of several processes": nn.SyncBatchNorm,
}


def network(norm) -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(1, 4, 3), norm(4), nn.ReLU(), nn.Conv2d(4, 6, 2), norm(6), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    layers.append(nn.Linear(6, 3))
    numbers = torch.Generator().manual_seed(1)
    for layer in (layers[1], layers[4]):
        for name in ("weight", "bias", "running_mean"):
            getattr(layer, name).data.normal_(generator=numbers)
        layer.running_var.uniform_(0.5, 2, generator=numbers)
    return layers


@pytest.fixture(params=KINDS)
def teachers(request) -> tuple[Teacher, Teacher]:
    """One with BatchNorm2d, and one with the same numbers in layers of another kind."""
    return Teacher(SPEC, network(nn.BatchNorm2d)), Teacher(SPEC, network(KINDS[request.param]))


def images(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 1, 6, 5, generator=torch.Generator().manual_seed(2))


def feature_term(teacher: Teacher, **options) -> tuple[torch.Tensor, torch.Tensor]:
    """The inversion's term and its gradient to the images."""
    pixels = images().requires_grad_()
    with FeatureStatistics(teacher.batch_norms(), 1.0, **options) as features:
        teacher(pixels)
        loss, _ = features.loss()
    return loss.detach(), torch.autograd.grad(loss, pixels)[0]


@pytest.mark.parametrize("options", [{"first_multiplier": 10.0}, {"distance": "kl", "scale": "relative"}])
def test_the_inversion_aims_at_their_statistics(teachers, options):
    (loss, gradient), (expected, expected_gradient) = (feature_term(teacher, **options) for teacher in teachers[::-1])
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-6)


def test_the_quality_of_images_is_measured_by_them(teachers):
    measured = []
    for teacher in teachers:
        statistics = NormStatistics(norm_layers(teacher.network, teacher.batch_norms()))
        with statistics, torch.no_grad():
            teacher(images())
        measured.append(statistics.distances())
    assert list(measured[0]) == list(measured[1]) == ["1", "4"]
    for name in ("1", "4"):
        assert measured[1][name] == pytest.approx(measured[0][name], rel=1e-5)


def test_labels_can_be_of_each_batchs_statistics(teachers):
    expected, logits = (teacher.on_batch_statistics()(images()) for teacher in teachers)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    for teacher in teachers:  # which is as it was
        torch.testing.assert_close(teacher(images()), teachers[0](images()), rtol=1e-4, atol=1e-5)
    again = teachers[1].on_batch_statistics()
    again(torch.zeros(2, 1, 6, 5))
    torch.testing.assert_close(again(images()), expected, rtol=1e-4, atol=1e-5)


def test_their_activation_is_no_part_of_the_statistics():
    terms = []
    for apply_act in (False, True):
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Conv2d(1, 4, 3), FrozenBatchNormAct2d(4, apply_act=apply_act))
        terms.append(feature_term(Teacher(SPEC, layers))[0])
    assert terms[0] == terms[1] > 0


def test_statistics_of_single_images_are_none_of_a_batch():
    """An InstanceNorm stores the variance within an image, without that between images."""
    layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4, track_running_stats=True))
    assert not Teacher(SPEC, layers).batch_norms()


def test_a_scripted_network_takes_no_hooks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(network(nn.BatchNorm2d).eval())
    assert not stored_norms(scripted)


def test_layers_with_their_channels_elsewhere_are_left_out():
    layers = nn.Sequential(nn.Conv2d(1, 3, 1), ChannelsLast(), nn.BatchNorm2d(3))
    teacher = Teacher(SPEC, layers)
    with FeatureStatistics(teacher.batch_norms(), 1.0) as features:
        teacher(images())
        loss, _ = features.loss()
    statistics = NormStatistics(norm_layers(teacher.network, teacher.batch_norms()))
    with statistics:
        teacher(images())
    assert loss.isfinite()
    assert list(statistics.distances()) == ["2"]


def test_a_search_leaves_frozen_layers_of_its_space_alone():
    layers = network(FrozenBatchNorm2d)
    layers.append(nn.BatchNorm1d(3))
    before = [layer.running_mean.clone() for layer in stored_norms(layers)]
    recalibrate(layers, [images(), images(3)])
    after = [layer.running_mean for layer in stored_norms(layers)]
    assert [torch.equal(old, new) for old, new in zip(before, after, strict=True)] == [True, True, False]
