"""What is known to be wrong in the paper's release and in DeepInversion, and is not here (docs/synthesis.md)."""

import pytest
import torch
from torch import nn

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.augment import center
from dfnas.runtime.errors import InputError
from dfnas.settings.invert_teacher import InvertTeacherSettings, ResolutionStage
from dfnas.synthesis.inversion import Inversion, to_uint8
from dfnas.synthesis.inversion_targets import first_targets, soft_labels
from dfnas.synthesis.objective import Objective

SETTINGS = InvertTeacherSettings(
    batch_size=8,
    stages=(ResolutionStage(downscale=2, steps=3), ResolutionStage(downscale=1, steps=6)),
    canvas_margin=4,
    lr=0.2,
    warmup_steps=2,
    feature_weight=0.3,
    feature_first_multiplier=2.0,
    tv_weight=0.01,
    l2_weight=0.01,
)


def teacher_of(network: nn.Module | None = None) -> Teacher:
    torch.manual_seed(0)
    spec = TeacherSpec(builder="-", classes=4, size=(8, 8), mean=(0.45,) * 3, std=(0.25,) * 3)
    return Teacher(spec, network or cifar_resnet(8, (4, 6, 8), 3, 4))


def inversion_of(settings: InvertTeacherSettings, teacher: Teacher, competitor: Teacher | None = None) -> Inversion:
    _, targets = first_targets(settings, 0, 4)
    return Inversion(Objective(teacher, settings, competitor), targets, 0, 0)


CHANGES = {
    "batch_size": {"batch_size": 9},
    "stages": {"stages": (ResolutionStage(downscale=1, steps=9),)},
    "start": {"start": "leaves"},
    "targets": {"targets": "one_class"},
    "pair_share": ({"targets": "pairs"}, {"targets": "pairs", "pair_share": (0.51, 0.6)}),
    "canvas_margin": {"canvas_margin": 2},
    "region": {"region": "roll"},
    "region_per": {"region_per": "image"},
    "crop_area": (
        {"region": "random_resized_crop", "crop_area": (0.3, 0.9)},
        {"region": "random_resized_crop", "crop_area": (0.6, 0.7)},
    ),
    "crop_aspect": (
        {"region": "random_resized_crop"},
        {"region": "random_resized_crop", "crop_aspect": (1.9, 2.0)},
    ),
    "roll_reach": ({"region": "roll"}, {"region": "roll", "roll_reach": 2}),
    "flip": {"flip": False},
    "lr": {"lr": 0.21},
    "betas": {"betas": (0.9, 0.999)},
    "lr_schedule": {"lr_schedule": "constant"},
    "warmup_steps": {"warmup_steps": 1},
    "clip": {"clip": False},
    "feature_weight": {"feature_weight": 0.4},
    "feature_scale": {"feature_scale": "relative"},
    "feature_distance": {"feature_distance": "kl"},
    "feature_momentum": {"feature_momentum": 0.5},
    "feature_first_multiplier": {"feature_first_multiplier": 3.0},
    "tv_weight": {"tv_weight": 0.5},
    "l2_weight": {"l2_weight": 0.5},
    "competition_weight": {"competition_weight": 2.0},
    "competition_temperature": (
        {"competition_weight": 20.0},
        {"competition_weight": 20.0, "competition_temperature": 1.0},
    ),
    "precision": {"precision": "bfloat16"},
    "seed": {"seed": 1},
}
"""A change of each setting, or two choices of settings between which it makes the difference."""


@pytest.mark.parametrize("name", [name for name in InvertTeacherSettings.model_fields if name != "compile"])
def test_no_setting_is_ignored(name: str):
    """The release parses --fp16, --jitter and --verifier, and has no use for them."""
    change = CHANGES[name]
    before, after = change if isinstance(change, tuple) else ({}, change)
    teacher, competitor = teacher_of(), teacher_of(cifar_resnet(8, (3, 5, 7), 3, 4))
    pixels = []
    for changes in (before, after):
        settings = SETTINGS.model_copy(update={"roll_reach": 3, **changes})
        pixels.append(inversion_of(settings, teacher, competitor).run())
    same = pixels[0].shape == pixels[1].shape and torch.equal(*pixels)
    assert not same


def test_labels_are_asked_on_the_image_that_is_kept():
    """The release asks on the random, mirrored crop of the step before, of an image that was then changed."""
    teacher = teacher_of()
    images = to_uint8(inversion_of(SETTINGS, teacher).run())
    expected = teacher(center(images, (8, 8)) / 255).softmax(1)
    torch.testing.assert_close(soft_labels(teacher, images), expected)


def test_the_image_that_is_kept_is_the_last_and_the_last_step_hardly_moves_it():
    """The release's "best" image is its last, since its best cost is never updated. Here it is the last by intention:
    regions make the costs of two steps incomparable, and the learning rate has fallen to nothing."""
    settings = SETTINGS.model_copy(update={"stages": (ResolutionStage(steps=60),)})
    inversion = inversion_of(settings, teacher_of())
    inversion.advance(59)
    before = inversion.images()
    assert (inversion.run() - before).abs().max() < 1e-3
    assert torch.equal(inversion.images(), inversion.run())


def test_a_backward_pass_costs_no_gradient_of_the_weights():
    """In both, the teacher's weights take part: a third of the backward pass for nothing."""
    teacher = teacher_of()
    objective = Objective(teacher, SETTINGS)
    seen = torch.randn(8, 3, 8, 8, requires_grad=True)
    with objective:
        gradient = objective(seen, first_targets(SETTINGS, 0, 4)[1]).gradient
    assert gradient.shape == seen.shape
    assert gradient.abs().sum() > 0
    assert not any(weight.requires_grad or weight.grad is not None for weight in teacher.parameters())


def test_two_objectives_on_one_teacher_do_not_read_each_others_statistics():
    """Under DataParallel, the release's hooks overwrite each other's statistics."""
    teacher = teacher_of()
    one, other = Objective(teacher, SETTINGS), Objective(teacher, SETTINGS)
    first, second = torch.randn(2, 8, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    targets = first_targets(SETTINGS, 0, 4)[1]
    alone = []
    for objective, seen in ((one, first), (other, second)):
        with objective:
            alone.append(objective(seen, targets).terms)
    with one:
        before = one(first, targets).terms
        with other:
            within = other(second, targets).terms
        after = one(first, targets).terms
    torch.testing.assert_close(torch.stack([before, within]), torch.stack(alone))
    assert after.isfinite().all()


def test_a_teacher_without_statistics_is_refused_and_not_inverted_without_them():
    """Both drop the term in silence where there is no BatchNorm."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4))
    with pytest.raises(InputError, match=r"no BatchNorm layer.*LayerNorm.*feature_weight to 0"):
        inversion_of(SETTINGS, teacher_of(network))


def test_batches_and_generations_never_share_an_image_or_a_name():
    """In the release file names collide, and later images overwrite earlier ones: shards are named by generation and
    number (tests/workflow), and what is drawn for a batch is drawn for no other."""
    teacher, settings = teacher_of(), SETTINGS
    _, targets = first_targets(settings, 0, 4)
    objective = Objective(teacher, settings)
    images = [Inversion(objective, targets, g, b).run() for g in range(2) for b in range(2)]
    flat = torch.cat(images).flatten(1)
    assert torch.cdist(flat, flat).fill_diagonal_(1).min() > 0.01
