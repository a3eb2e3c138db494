"""What an inversion starts from: statistics that are known beforehand, and bits that depend on nothing else."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.seeds import generator
from dfnas.settings.invert_teacher import InvertTeacherSettings, ResolutionStage
from dfnas.synthesis.canvas import dead_leaves, first_canvas
from dfnas.synthesis.inversion import Inversion
from dfnas.synthesis.inversion_targets import first_targets
from dfnas.synthesis.objective import Objective

pytestmark = pytest.mark.slow

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    torch.manual_seed(0)
    spec = TeacherSpec(builder="-", classes=3, channels=3, size=(8, 8), mean=MEAN, std=STD)
    return Teacher(spec, cifar_resnet(8, (4, 6, 8), 3, 3))


def inversion_of(teacher: Teacher, **changes) -> Inversion:
    settings = InvertTeacherSettings(**{"batch_size": 6, "start": "leaves", "canvas_margin": 4, **changes})
    return Inversion(Objective(teacher, settings), first_targets(settings, 0, 3)[1], 0, 0)


def test_noise_is_the_normal_noise_of_the_release(teacher):
    canvas = first_canvas("noise", 30, teacher, (40, 40), 0, "inversion")
    assert torch.equal(canvas, torch.randn(30, 3, 40, 40, generator=generator(0, "inversion", "noise")))


def test_leaves_are_valid_pixels_in_the_teachers_space(teacher):
    canvas = first_canvas("leaves", 4, teacher, (9, 12), 0, "inversion")
    expected = dead_leaves(4, 3, (9, 12), generator(0, "inversion", "leaves"))
    for channel, (mean, std) in enumerate(zip(MEAN, STD, strict=True)):
        torch.testing.assert_close(canvas[:, channel] * std + mean, expected[:, channel])


def test_without_stages_the_images_are_the_leaves(teacher):
    images = inversion_of(teacher, stages=()).images()
    torch.testing.assert_close(images, dead_leaves(6, 3, (12, 12), generator(0, "inversion", 0, 0, "leaves")))


def test_the_slower_the_inversion_the_more_is_left_of_the_leaves(teacher):
    left = []
    for rate in (0.5, 0.1, 0.02):
        made = inversion_of(teacher, stages=(ResolutionStage(steps=40),), warmup_steps=2, lr=rate).run()
        start = dead_leaves(6, 3, (12, 12), generator(0, "inversion", 0, 0, "leaves"))
        left.append(torch.corrcoef(torch.stack([made.flatten(), start.flatten()]))[0, 1].item())
    assert left[0] < left[1] < left[2]
    assert left[1] > 0.5


@given(
    count=st.integers(1, 3),
    channels=st.integers(1, 4),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**31),
)
def test_leaves_of_any_size_are_pixels_that_follow_from_the_seed(count, channels, height, width, seed):
    first, again = (dead_leaves(count, channels, (height, width), generator(seed, "leaves")) for _ in range(2))
    assert first.shape == (count, channels, height, width)
    assert torch.equal(first, again)
    assert 0 <= first.min() <= first.max() <= 1


@pytest.mark.parametrize(("sides", "axis"), [((12, 48), 3), ((48, 12), 2)])
def test_leaves_fall_on_all_of_a_canvas_that_is_no_square(sides, axis):
    edges = dead_leaves(300, 1, sides, generator(0, "leaves")).diff(dim=axis).abs()
    beginning, end = (half.mean().item() for half in edges.tensor_split(2, axis))
    assert beginning == pytest.approx(end, rel=0.1)


def test_leaves_do_not_depend_on_the_number_of_threads():
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            found.append(dead_leaves(63, 3, (37, 41), generator(0, "leaves")))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)


@pytest.mark.parametrize(("side", "least"), [(96, 0.26), (36, 0.25), (8, 0.22)])
def test_colours_are_uniform_and_places_alike(side: int, least: float):
    """A pixel is of one leaf's colour, which is uniform; at an edge it lies between two, which lowers the deviation."""
    pixels = dead_leaves(1_000_000 // side**2, 3, (side, side), generator(0, "leaves")).double()
    assert pixels.mean().item() == pytest.approx(0.5, abs=0.01)
    assert least < pixels.std().item() < math.sqrt(1 / 12)
    quarter, middle = side // 4, slice(3 * side // 8, 5 * side // 8)
    corner = pixels[:, :, :quarter, :quarter].std()
    assert corner.item() == pytest.approx(pixels[:, :, middle, middle].std().item(), abs=0.02)


def test_amplitudes_of_small_canvases_fall_as_one_over_f():
    """As those of photographs do (Field 1987)."""
    pixels = dead_leaves(1000, 1, (36, 36), generator(0, "leaves")) - 0.5
    power = torch.fft.fft2(pixels).abs().square().mean((0, 1))
    frequency = torch.fft.fftfreq(36)
    radius = (frequency[:, None].square() + frequency.square()).sqrt()
    middle = (radius > 0.05) & (radius < 0.26)
    x, y = radius[middle].log(), power[middle].sqrt().log()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    assert slope.item() == pytest.approx(-1.0, abs=0.15)


def test_there_are_sharp_edges_and_flat_regions():
    """Noise of the same spectrum has neither: its differences are normal, with a kurtosis of 3."""
    steps = dead_leaves(200, 1, (48, 48), generator(0, "leaves")).double().diff(dim=3)
    assert (steps == 0).double().mean() > 0.4
    assert steps.pow(4).mean() / steps.pow(2).mean() ** 2 > 6
