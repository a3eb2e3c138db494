"""What an inversion starts from: statistics that are known beforehand, and bits that depend on nothing else."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dfnas.runtime.seeds import generator
from dfnas.synthesis.canvas import RADII, dead_leaves, first_canvas
from dfnas.teacher import Teacher, TeacherSpec


def teacher_of(channels: int = 3) -> Teacher:
    spec = TeacherSpec("-", classes=2, channels=channels, size=(8, 8), mean=(0.4,) * channels, std=(0.2,) * channels)
    return Teacher(spec, nn.Identity())


def test_noise_is_the_normal_noise_of_the_release():
    canvas = first_canvas("noise", 30, teacher_of(), (40, 40), 0, "inversion")
    assert torch.equal(canvas, torch.randn(30, 3, 40, 40, generator=generator(0, "inversion", "noise")))


def test_leaves_are_valid_pixels_in_the_teachers_space():
    teacher = teacher_of()
    canvas = first_canvas("leaves", 4, teacher, (9, 12), 0, "inversion")
    pixels = canvas * teacher.std + teacher.mean
    assert pixels.shape == (4, 3, 9, 12)
    torch.testing.assert_close(pixels, dead_leaves(4, 3, (9, 12), generator(0, "inversion", "leaves")))


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


def test_leaves_do_not_depend_on_the_number_of_threads():
    threads, found = torch.get_num_threads(), []
    for count in (1, 4):
        torch.set_num_threads(count)
        found.append(dead_leaves(64, 3, (40, 40), generator(0, "leaves")))
    torch.set_num_threads(threads)
    assert torch.equal(*found)


def test_colours_are_uniform_and_places_alike():
    """Every pixel of every channel is some leaf's colour but for the edges, where it lies between two, and has less."""
    pixels = dead_leaves(100, 3, (96, 96), generator(0, "leaves")).double()
    assert pixels.mean().item() == pytest.approx(0.5, abs=0.01)
    assert 0.26 < pixels.std().item() < math.sqrt(1 / 12)
    corner, middle = pixels[:, :, :24, :24], pixels[:, :, 36:60, 36:60]
    assert corner.std().item() == pytest.approx(middle.std().item(), abs=0.02)


def test_amplitudes_fall_as_one_over_f():
    """Of dead leaves with radii of density r⁻³, as of photographs (Lee, Mumford and Huang 2001)."""
    pixels = dead_leaves(300, 1, (64, 64), generator(0, "leaves")) - 0.5
    power = torch.fft.fft2(pixels).abs().square().mean((0, 1))
    frequency = torch.fft.fftfreq(64)
    radius = (frequency[:, None].square() + frequency.square()).sqrt()
    # Between the largest leaves and the smallest, whose radius is two pixels.
    middle = (radius > 1 / 32) & (radius < 1 / (2 * RADII[0] * 64))
    x, y = radius[middle].log(), power[middle].sqrt().log()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    assert -1.4 < slope < -0.8


def test_there_are_sharp_edges_and_flat_regions():
    """Noise of the same spectrum has neither: its differences are normal, with a kurtosis of 3."""
    pixels = dead_leaves(200, 1, (48, 48), generator(0, "leaves")).double()
    steps = pixels.diff(dim=3)
    assert (steps == 0).double().mean() > 0.4
    kurtosis = steps.pow(4).mean() / steps.pow(2).mean() ** 2
    assert kurtosis > 6
