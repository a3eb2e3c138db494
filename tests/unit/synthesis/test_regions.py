"""The region operator: uniform, replayable, and blind to what lies outside."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from dfnas.synthesis.regions import Region, RegionOperator, center


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def canvas(side: int, images: int = 2) -> torch.Tensor:
    return torch.randn(images, 3, side, side, generator=seeded(1))


@pytest.mark.parametrize("downscale", [1, 2])
def test_crops_are_uniform_over_all_offsets_and_flips_a_fair_coin(downscale: int):
    operator = RegionOperator(size=(8, 8), mode="random_crop", flip=True, reach=4, downscale=downscale)
    generator, draws = seeded(), 4000
    regions = [operator.draw(generator) for _ in range(draws)]
    offsets = 4 // downscale + 1
    for place in ("top", "left"):
        counts = torch.tensor([getattr(r, place) for r in regions]).bincount(minlength=offsets).double()
        assert len(counts) == offsets
        chi_square = ((counts - draws / offsets) ** 2 / (draws / offsets)).sum()
        assert chi_square < 18.5  # 0.999 quantile with 4 degrees of freedom
    assert abs(sum(r.flip for r in regions) / draws - 0.5) < 0.026  # 3.3 standard deviations


def test_rolls_reach_the_same_distance_in_both_directions():
    operator = RegionOperator(size=(8, 8), mode="roll", reach=2)
    generator = seeded()
    shifts = {operator.draw(generator).top for _ in range(200)}
    assert shifts == {-2, -1, 0, 1, 2}


def test_no_region_is_always_the_centre():
    operator = RegionOperator(size=(8, 8), mode="none", reach=4)
    assert {operator.draw(seeded(i)) for i in range(20)} == {Region(0, 0, False)}
    images = canvas(12)
    assert torch.equal(operator.apply(images, Region()), images[:, :, 2:10, 2:10])


@given(seed=st.integers(0, 2**32), mode=st.sampled_from(["random_crop", "roll", "none"]), flip=st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_same_generator_gives_the_same_region_and_the_region_the_same_pixels(seed: int, mode, flip: bool):
    operator = RegionOperator(size=(6, 6), mode=mode, flip=flip, reach=4, downscale=2)
    first, again = operator.draw(seeded(seed)), operator.draw(seeded(seed))
    assert first == again
    images = canvas(10)
    seen = operator.apply(images, first)
    assert seen.shape == (2, 3, 3, 3)
    assert torch.equal(seen, operator.apply(images, again))


@given(top=st.integers(0, 2), left=st.integers(0, 2), flip=st.booleans())
@settings(max_examples=18, deadline=None)
def test_a_region_at_half_resolution_is_a_window_of_the_averaged_canvas(top: int, left: int, flip: bool):
    operator = RegionOperator(size=(8, 8), mode="random_crop", flip=True, reach=4, downscale=2)
    images = canvas(12)
    expected = F.avg_pool2d(images, 2)[:, :, top : top + 4, left : left + 4]
    expected = expected.flip(3) if flip else expected
    torch.testing.assert_close(operator.apply(images, Region(top, left, flip)), expected)


@pytest.mark.parametrize("downscale", [1, 2])
def test_pixels_outside_the_region_take_no_gradient(downscale: int):
    operator = RegionOperator(size=(8, 8), mode="random_crop", reach=4, downscale=downscale)
    images = canvas(12).requires_grad_()
    operator.apply(images, Region(4 // downscale, 0)).square().sum().backward()
    touched = torch.zeros(12, 12, dtype=torch.bool)
    touched[4:12, 0:8] = True
    assert torch.equal((images.grad != 0).all(0).all(0), touched)
    assert torch.equal((images.grad != 0).any(0).any(0), touched)


def test_a_roll_shifts_around_the_edge_and_keeps_all_pixels():
    operator = RegionOperator(size=(4, 4), mode="roll", reach=3)
    images = canvas(4)
    seen = operator.apply(images, Region(top=1, left=-1))
    assert torch.equal(seen[:, :, 0, 0], images[:, :, 3, 1])
    assert torch.equal(seen.flatten(1).sort(1).values, images.flatten(1).sort(1).values)


def test_a_flip_mirrors_left_and_right():
    images = canvas(4)
    seen = RegionOperator(size=(4, 4), mode="none", flip=True).apply(images, Region(flip=True))
    assert torch.equal(seen[..., 0], images[..., 3])


def test_a_size_that_the_factor_does_not_divide_stays_within_the_canvas():
    operator = RegionOperator(size=(9, 9), mode="random_crop", reach=4, downscale=2)
    assert operator.apply(canvas(13), Region(2, 2)).shape == (2, 3, 4, 4)


def test_center_of_even_and_odd_margins():
    image = torch.arange(25.0).view(1, 1, 5, 5)
    assert center(image, (3, 3)).flatten().tolist() == [6, 7, 8, 11, 12, 13, 16, 17, 18]
    assert center(image, (2, 2)).flatten().tolist() == [6, 7, 11, 12]
    assert center(image, (5, 5)).equal(image)
