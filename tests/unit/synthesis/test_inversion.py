"""Inversion: what it optimises, and that its result depends on nothing that it should not."""

import io
from itertools import pairwise

import pytest
import torch
from torch import nn

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.errors import InputError
from dfnas.settings.invert_teacher import InvertTeacherSettings, ResolutionStage
from dfnas.synthesis.inversion import Inversion, to_uint8
from dfnas.synthesis.inversion_targets import balanced_classes, one_hot
from dfnas.synthesis.objective import TERMS, Objective
from dfnas.synthesis.regularizers import likeness
from dfnas.training.schedule import learning_rate

BATCH, CLASSES, SIZE, MARGIN = 8, 4, 8, 4


def make_teacher(channels: int = 3) -> Teacher:
    torch.manual_seed(0)
    spec = TeacherSpec(
        classes=CLASSES, channels=channels, size=(SIZE, SIZE), mean=(0.4,) * channels, std=(0.25,) * channels
    )
    return Teacher(spec, cifar_resnet(8, (8, 12, 16), channels, CLASSES))


def make_settings(**changes) -> InvertTeacherSettings:
    stages = (ResolutionStage(downscale=2, steps=6), ResolutionStage(downscale=1, steps=8))
    sizes = {"batch_size": BATCH, "canvas_margin": MARGIN, "roll_reach": 2}
    return InvertTeacherSettings(**{"stages": stages, "lr": 0.1, "warmup_steps": 2, **sizes, **changes})


def inversion_of(
    teacher: Teacher, targets: torch.Tensor, settings, generation: int, batch: int, competitor: Teacher | None = None
) -> Inversion:
    return Inversion(Objective(teacher, settings, competitor), targets, generation, batch)


def inverted(*arguments) -> torch.Tensor:
    return inversion_of(*arguments).run()


TARGETS = one_hot(balanced_classes(BATCH, 0, CLASSES, seed=0), CLASSES)


def test_the_schedule_warms_up_linearly_and_decays_to_zero_by_a_cosine():
    rates = [learning_rate(step, 110, 0.5, warmup=10) for step in range(111)]
    assert rates[:10] == pytest.approx([0.05 * (i + 1) for i in range(10)])
    assert rates[10] == 0.5
    assert rates[60] == pytest.approx(0.25)
    assert rates[110] == pytest.approx(0)
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert learning_rate(0, 10, 0.5) == 0.5


@pytest.mark.parametrize("per", ["batch", "image"])
@pytest.mark.parametrize(
    ("region", "side"),
    [("random_crop", SIZE + MARGIN), ("random_resized_crop", SIZE + MARGIN), ("roll", SIZE), ("none", SIZE)],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_pixels_of_the_canvas(region: str, side: int, channels: int, per: str):
    images = inverted(make_teacher(channels), TARGETS, make_settings(region=region, region_per=per), 0, 0)
    assert images.shape == (BATCH, channels, side, side)
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 1


def test_the_canvas_is_valid_after_every_step():
    inversion = inversion_of(make_teacher(), TARGETS, make_settings(lr=10.0), 0, 0)
    inversion.advance(1)
    pixels = inversion.state_dict()["canvas"] * 0.25 + 0.4
    assert pixels.min() >= -1e-6
    assert pixels.max() <= 1 + 1e-6


def test_the_loss_falls_and_the_teacher_sees_the_targets():
    teacher = make_teacher()
    stages = (ResolutionStage(downscale=2, steps=20), ResolutionStage(downscale=1, steps=60))
    settings = make_settings(stages=stages, feature_weight=0.001, canvas_margin=0, flip=False)
    inversion = inversion_of(teacher, TARGETS, settings, 0, 0)
    noise = inversion_of(teacher, TARGETS, settings, 0, 0).images()
    images = inversion.run()
    before, after = ((teacher(x).softmax(1) * TARGETS).sum(1) for x in (noise, images))
    assert after.mean() > 0.8
    assert after.mean() > before.mean() + 0.3
    cross_entropy = inversion.history()[:, 0]
    assert cross_entropy[-10:].mean() < 0.2 * cross_entropy[:5].mean()


def test_the_feature_term_draws_the_statistics_towards_the_teachers():
    settings = make_settings(feature_weight=1.0, stages=(ResolutionStage(steps=40),))
    inversion = inversion_of(make_teacher(), TARGETS, settings, 0, 0)
    inversion.run()
    feature = inversion.history()[:, 1]
    assert feature[-1] < 0.8 * feature[0]


def test_the_first_step_is_that_of_the_formula():
    teacher = make_teacher()
    settings = make_settings(stages=(ResolutionStage(steps=3),), region="none", flip=False, feature_weight=0.0)
    inversion = inversion_of(teacher, TARGETS, settings, 0, 0)
    x = inversion.state_dict()["canvas"]
    inversion.advance(1)
    cross_entropy = -(TARGETS * teacher.network(x).log_softmax(1)).sum(1).mean()
    right, below = x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]
    falling, rising = x[..., 1:, 1:] - x[..., :-1, :-1], x[..., 1:, :-1] - x[..., :-1, 1:]
    variation = sum(difference.norm() for difference in (right, below, falling, rising))
    zero = torch.zeros(())
    expected = torch.stack([cross_entropy, zero, variation, x.flatten(1).norm(dim=1).mean(), zero])
    torch.testing.assert_close(inversion.history()[0], expected)


def test_soft_targets_are_aimed_at_as_they_are():
    settings = make_settings(stages=(ResolutionStage(steps=80),), region="none", flip=False, feature_weight=0.0)
    teacher, targets = make_teacher(), torch.full((BATCH, CLASSES), 1 / CLASSES)
    images = inverted(teacher, targets, settings, 1, 0)
    torch.testing.assert_close(teacher(images).softmax(1), targets, atol=0.05, rtol=0)


def test_each_stage_has_a_new_optimiser():
    inversion = inversion_of(make_teacher(), TARGETS, make_settings(), 0, 0)
    counts = []
    while not inversion.finished:
        inversion.advance(1)
        counts.append(int(inversion.state_dict()["adam"]["step"]))
    assert counts == [*range(1, 7), *range(1, 9)]


def test_each_step_sees_another_region():
    inversion = inversion_of(make_teacher(), TARGETS, make_settings(stages=(ResolutionStage(steps=20),)), 0, 0)
    inversion.advance(1)
    touched = inversion.state_dict()["adam"]["exp_avg_sq"].amax((0, 1)) > 0  # (S', S')
    assert touched.sum() == SIZE * SIZE
    inversion.run()
    touched = inversion.state_dict()["adam"]["exp_avg_sq"].amax((0, 1)) > 0
    assert touched.sum() > 1.5 * SIZE * SIZE


def test_the_result_is_the_same_again_and_of_no_other_batch_or_generation():
    teacher, settings = make_teacher(), make_settings()
    alone = inverted(teacher, TARGETS, settings, 0, 3)
    others = [inverted(teacher, TARGETS, settings, generation, batch) for generation, batch in [(0, 0), (0, 1), (1, 3)]]
    torch.manual_seed(123)
    assert torch.equal(inverted(teacher, TARGETS, settings, 0, 3), alone)
    assert not any(torch.equal(other, alone) for other in others)
    assert not torch.equal(inverted(teacher, TARGETS, make_settings(seed=1), 0, 3), alone)


@pytest.mark.parametrize("changes", [{}, {"region": "roll"}, {"feature_momentum": 0.9, "region_per": "image"}])
@pytest.mark.parametrize("stop", [0, 1, 5, 6, 7, 13, 14])
def test_a_resumed_run_gives_the_identical_bits(stop: int, changes: dict):
    settings = make_settings(**changes)
    whole = inversion_of(make_teacher(), TARGETS, settings, 0, 0)
    expected = whole.run()
    first = inversion_of(make_teacher(), TARGETS, settings, 0, 0)
    first.advance(stop)
    saved = io.BytesIO()
    torch.save(first.state_dict(), saved)
    first.run()  # goes on: the saved state must not follow it
    saved.seek(0)
    second = inversion_of(make_teacher(), TARGETS, settings, 0, 0)
    second.load_state_dict(torch.load(saved, weights_only=True))
    assert second.step == stop
    assert torch.equal(second.run(), expected)
    assert torch.equal(second.history(), whole.history())


def test_a_snapshot_does_not_change_as_the_run_goes_on():
    inversion = inversion_of(make_teacher(), TARGETS, make_settings(), 0, 0)
    inversion.advance(3)
    state = inversion.state_dict()
    copy = {name: value.clone() for name, value in {"canvas": state["canvas"], **state["adam"]}.items()}
    inversion.advance(3)
    assert torch.equal(state["canvas"], copy.pop("canvas"))
    assert all(torch.equal(state["adam"][name], value) for name, value in copy.items())


def test_the_teacher_is_as_it_was():
    teacher = make_teacher()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    inverted(teacher, TARGETS, make_settings(), 0, 0)
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in teacher.parameters())
    assert not any(module._forward_pre_hooks for module in teacher.modules())


def test_layers_are_watched_once_for_all_steps():
    teacher = make_teacher()
    inversion = inversion_of(teacher, TARGETS, make_settings(feature_weight=0.1), 0, 0)
    norms, steps, seen = teacher.batch_norms(), inversion.steps(), set()
    for _ in range(inversion.total_steps - 1):
        next(steps)
        seen.add(tuple(hook for norm in norms for hook in norm._forward_pre_hooks))
    assert len(seen) == 1
    assert len(*seen) == len(norms)
    next(steps)
    assert not any(norm._forward_pre_hooks for norm in norms)


def test_layers_are_let_go_where_an_inversion_is_dropped():
    teacher = make_teacher()
    steps = inversion_of(teacher, TARGETS, make_settings(feature_weight=0.1), 0, 0).steps()
    next(steps)
    del steps
    assert not any(norm._forward_pre_hooks for norm in teacher.batch_norms())


def test_bfloat16_follows_float32_closely():
    single = inversion_of(make_teacher(), TARGETS, make_settings(), 0, 0)
    half = inversion_of(make_teacher(), TARGETS, make_settings(precision="bfloat16"), 0, 0)
    single.run()
    assert half.run().dtype == torch.float32
    torch.testing.assert_close(half.history()[0], single.history()[0], rtol=0.05, atol=0.05)


def test_a_constant_schedule_keeps_the_peak_and_without_clipping_the_canvas_leaves_the_valid_range():
    stages = (ResolutionStage(steps=12),)
    free = make_settings(stages=stages, lr=5.0, lr_schedule="constant", clip=False, region="none", feature_weight=0.0)
    inversion = inversion_of(make_teacher(), TARGETS, free, 0, 0)
    inversion.advance(11)
    before = inversion.state_dict()
    inversion.advance(1)
    after = inversion.state_dict()
    adam = after["adam"]
    moment, square = (adam[n] / (1 - beta**12) for n, beta in zip(("exp_avg", "exp_avg_sq"), free.betas, strict=True))
    torch.testing.assert_close(after["canvas"], before["canvas"] - 5.0 * moment / (square.sqrt() + 1e-8))
    assert after["canvas"].abs().max() > 10
    assert inversion.images().max() <= 1


@pytest.fixture
def competitor() -> Teacher:
    """A second network, which wants its images in other units than the teacher."""
    torch.manual_seed(5)
    spec = TeacherSpec(classes=CLASSES, size=(SIZE, SIZE), mean=(0.5,) * 3, std=(0.2,) * 3)
    return Teacher(spec, cifar_resnet(8, (4, 6, 8), 3, CLASSES))


def test_a_competitor_sees_the_same_pixels_in_its_own_units(competitor):
    teacher, settings = make_teacher(), make_settings(feature_weight=0.0, competition_weight=1.0)
    images = torch.rand(BATCH, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    with Objective(teacher, settings, competitor) as objective:
        found = objective(teacher.normalised(images), TARGETS).terms[TERMS.index("competition")]
    expected = likeness(competitor(images), teacher(images), settings.competition_temperature)
    torch.testing.assert_close(found, expected)


def test_the_competition_draws_the_networks_apart(competitor):
    def divergence(weight: float) -> float:
        stages = (ResolutionStage(steps=60),)
        settings = make_settings(stages=stages, feature_weight=0.0, competition_weight=weight, canvas_margin=0)
        inversion = inversion_of(teacher := make_teacher(), TARGETS, settings, 0, 0, competitor)
        images = inversion.run()
        p, q = (network(images).div(3.0).softmax(1) for network in (teacher, competitor))
        middle = (p + q) / 2
        divergences = 0.5 * ((p * (p / middle).log()).sum(1) + (q * (q / middle).log()).sum(1))
        if weight:
            assert inversion.history()[0, 4] > inversion.history()[-1, 4]
        return divergences.mean().item()

    assert divergence(20.0) > 1.3 * divergence(0.0)


class Plain(nn.Module):
    """A classifier without BatchNorm that takes one size only."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3 * SIZE * SIZE, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.flatten(1))


def plain_teacher() -> Teacher:
    torch.manual_seed(0)
    return Teacher(TeacherSpec(builder="tests:Plain", classes=CLASSES, size=(SIZE, SIZE)), Plain())


def test_a_teacher_without_batch_norm_is_taken_without_the_feature_term():
    stages = (ResolutionStage(steps=5),)
    images = inverted(plain_teacher(), TARGETS, make_settings(stages=stages, feature_weight=0.0), 0, 0)
    assert images.shape == (BATCH, 3, SIZE + MARGIN, SIZE + MARGIN)
    with pytest.raises(InputError, match="no BatchNorm"):
        inverted(plain_teacher(), TARGETS, make_settings(stages=stages), 0, 0)


def test_a_stage_that_the_teacher_cannot_see_is_refused_before_any_step():
    with pytest.raises(InputError, match=r"downscale 2 .* 4 x 4 pixels.*use downscale 1 only"):
        inversion_of(plain_teacher(), TARGETS, make_settings(feature_weight=0.0), 0, 0)


class Asserting(Plain):
    """Refuses another size as torchvision's ViT does: not with a RuntimeError."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[2] == SIZE, "Wrong image height!"
        return super().forward(x)


@pytest.mark.parametrize("role", ["teacher", "competitor"])
def test_both_networks_must_take_every_resolution(role: str):
    stubborn = Teacher(TeacherSpec(builder="-", classes=CLASSES, size=(SIZE, SIZE)), Asserting())
    settings = make_settings(feature_weight=0.0, competition_weight=1.0)
    networks = (stubborn, make_teacher()) if role == "teacher" else (make_teacher(), stubborn)
    with pytest.raises(InputError, match=rf"downscale 2 the {role} sees .*Wrong image height!\); use downscale 1 only"):
        inversion_of(networks[0], TARGETS, settings, 0, 0, networks[1])


class Detaching(Plain):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).detach()


class Frozen(Plain):
    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)


@pytest.mark.parametrize("network", [Detaching, Frozen])
def test_a_teacher_without_a_gradient_is_refused_before_images_follow_the_priors_alone(network):
    teacher = Teacher(TeacherSpec(builder="-", classes=CLASSES, size=(SIZE, SIZE)), network())
    settings = make_settings(feature_weight=0.0, stages=(ResolutionStage(steps=5),))
    with pytest.raises(InputError, match="logits of the teacher have no gradient by its images"):
        inversion_of(teacher, TARGETS, settings, 0, 0)
    assert inversion_of(teacher, TARGETS, make_settings(feature_weight=0.0, stages=()), 0, 0).finished


def test_the_running_average_starts_anew_with_each_resolution():
    settings = make_settings(feature_momentum=0.9)
    inversion = inversion_of(make_teacher(), TARGETS, settings, 0, 0)
    inversion.advance(6)
    half = inversion.state_dict()["average"]
    inversion.advance(1)
    full = inversion.state_dict()["average"]
    fresh = inversion_of(make_teacher(), TARGETS, settings, 0, 0)
    fresh.advance(6)
    state = fresh.state_dict()
    fresh.load_state_dict({**state, "average": torch.full_like(half, 1e6)})  # what came before does not matter
    fresh.advance(1)
    torch.testing.assert_close(fresh.state_dict()["average"], full)


def test_divergence_is_reported():
    inversion = inversion_of(make_teacher(), TARGETS, make_settings(), 0, 2)
    inversion.load_state_dict({**inversion.state_dict(), "canvas": torch.full((BATCH, 3, 12, 12), torch.nan)})
    with pytest.raises(InputError, match="batch 2, generation 0 diverged"):
        inversion.run()


def test_pixels_are_rounded_to_the_nearest_level():
    pixels = torch.tensor([0.0, 1.0, 0.5 / 255 - 1e-4, 0.5 / 255 + 1e-4, 254.4 / 255])
    assert to_uint8(pixels).tolist() == [0, 255, 0, 1, 254]
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(levels / 255), levels)
