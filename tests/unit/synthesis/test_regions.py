"""The region operator: uniform, replayable, and blind to what lies outside."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from dfnas.dataset.augment import center
from dfnas.synthesis.regions import Region, RegionOperator


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def canvas(height: int, width: int | None = None, images: int = 2) -> torch.Tensor:
    return torch.randn(images, 3, height, width or height, generator=seeded(1))


@pytest.mark.parametrize("downscale", [1, 2])
def test_crops_are_uniform_over_all_offsets_and_flips_a_fair_coin(downscale: int):
    operator = RegionOperator(size=(8, 8), mode="random_crop", flip=True, reach=4, downscale=downscale)
    generator, draws = seeded(), 4000
    regions = operator.draw(generator, draws)
    offsets = 4 // downscale + 1
    for place in ("top", "left"):
        places = torch.tensor([getattr(region, place) for region in regions])
        assert not (places % downscale).any()
        counts = (places // downscale).bincount(minlength=offsets).double()
        assert len(counts) == offsets
        chi_square = ((counts - draws / offsets) ** 2 / (draws / offsets)).sum()
        assert chi_square < 18.5  # 0.999 quantile with 4 degrees of freedom
    assert abs(sum(r.flip for r in regions) / draws - 0.5) < 0.026  # 3.3 standard deviations


def test_rolls_reach_the_same_distance_in_both_directions():
    operator = RegionOperator(size=(8, 8), mode="roll", reach=2)
    generator = seeded()
    shifts = {region.top for region in operator.draw(generator, 200)}
    assert shifts == {-2, -1, 0, 1, 2}


def test_no_region_is_always_the_whole():
    operator = RegionOperator(size=(8, 6), mode="none")
    assert {region for i in range(20) for region in operator.draw(seeded(i))} == {Region(0, 0, 8, 6)}
    images = canvas(8, 6)
    assert torch.equal(operator.apply(images, [Region(0, 0, 8, 6)]), images)


MODES = ["random_crop", "random_resized_crop", "roll", "none"]


def operator_of(mode: str, size: tuple[int, int], flip: bool = False, downscale: int = 1) -> RegionOperator:
    return RegionOperator(size, mode, flip, {"none": 0}.get(mode, 4), downscale, area=(0.3, 1.0), aspect=(0.5, 2.0))


def canvas_of(operator: RegionOperator, images: int = 2) -> torch.Tensor:
    margin = operator.reach if "crop" in operator.mode else 0
    return canvas(operator.size[0] + margin, operator.size[1] + margin, images)


@given(seed=st.integers(0, 2**32), mode=st.sampled_from(MODES), flip=st.booleans(), count=st.sampled_from([1, 2]))
@settings(max_examples=50, deadline=None)
def test_the_same_generator_gives_the_same_regions_and_they_the_same_pixels(seed: int, mode, flip: bool, count: int):
    operator = operator_of(mode, (6, 10), flip, downscale=2)
    first, again = (operator.draw(seeded(seed), count) for _ in range(2))
    assert first == again
    images = canvas_of(operator)
    seen = operator.apply(images, first)
    assert seen.shape == (2, 3, 3, 5)
    assert torch.equal(seen, operator.apply(images, again))


@given(seed=st.integers(0, 2**32), mode=st.sampled_from(MODES), flip=st.booleans(), downscale=st.sampled_from([1, 2]))
@settings(max_examples=60, deadline=None)
def test_a_region_for_each_image_is_what_each_image_alone_would_give(seed: int, mode, flip: bool, downscale: int):
    operator = operator_of(mode, (6, 10), flip, downscale)
    images = canvas_of(operator, images=3)
    regions = operator.draw(seeded(seed), 3)
    together = operator.apply(images, regions)
    alone = [operator.apply(images[i : i + 1], [region]) for i, region in enumerate(regions)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-5, atol=1e-6)
    if mode != "random_resized_crop" and downscale == 1:
        assert torch.equal(together, torch.cat(alone))  # a window that is not resized is copied


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_a_resized_crop_is_torchs_bilinear_interpolation_of_the_window(seed: int):
    operator = operator_of("random_resized_crop", (6, 10))
    images = canvas_of(operator)
    (region,) = operator.draw(seeded(seed))
    window = images[:, :, region.top : region.top + region.height, region.left : region.left + region.width]
    expected = F.interpolate(window, (6, 10), mode="bilinear", align_corners=False)
    torch.testing.assert_close(operator.apply(images, [region]), expected, rtol=1e-4, atol=1e-5)


def test_resized_crops_stay_in_the_canvas_and_keep_to_area_and_aspect():
    operator = RegionOperator((32, 64), "random_resized_crop", reach=8, area=(0.2, 0.6), aspect=(0.5, 2.0))
    regions = operator.draw(seeded(), 2000)
    canvas_height, canvas_width = 40, 72
    for region in regions:
        assert 0 <= region.top <= canvas_height - region.height
        assert 0 <= region.left <= canvas_width - region.width
        assert 0.18 < region.height * region.width / (canvas_height * canvas_width) < 0.64
        assert 0.45 < region.width / region.height / 2 < 2.2
    mean_area = sum(r.height * r.width for r in regions) / len(regions) / (canvas_height * canvas_width)
    assert mean_area == pytest.approx(0.4, abs=0.02)
    covered = torch.zeros(canvas_height, canvas_width)
    for region in regions:
        covered[region.top : region.top + region.height, region.left : region.left + region.width] += 1
    assert covered.min() > 0
    torch.testing.assert_close(covered, covered.flip(0), atol=0.06 * len(regions), rtol=0)
    torch.testing.assert_close(covered, covered.flip(1), atol=0.06 * len(regions), rtol=0)


@pytest.mark.parametrize("mode", MODES)
def test_the_gradient_through_many_regions_is_that_of_finite_differences(mode: str):
    operator = operator_of(mode, (4, 6), flip=True)
    regions = operator.draw(seeded(3), 2)
    images = canvas_of(operator).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: operator.apply(x, regions), (images,))


@pytest.mark.parametrize(("aspect", "region"), [(4.0, Region(3, 0, 2, 8)), (0.25, Region(0, 3, 8, 2))])
def test_the_largest_window_of_the_nearest_aspect_is_taken_where_none_fits(aspect: float, region: Region):
    operator = RegionOperator((8, 8), "random_resized_crop", area=(1.0, 1.0), aspect=(aspect, aspect))
    assert operator.draw(seeded()) == [region]


@given(top=st.integers(0, 2), left=st.integers(0, 2), flip=st.booleans())
@settings(max_examples=18, deadline=None)
def test_a_region_at_half_resolution_is_a_window_of_the_averaged_canvas(top: int, left: int, flip: bool):
    operator = RegionOperator(size=(8, 8), mode="random_crop", flip=True, reach=4, downscale=2)
    images = canvas(12)
    expected = F.avg_pool2d(images, 2)[:, :, top : top + 4, left : left + 4]
    expected = expected.flip(3) if flip else expected
    torch.testing.assert_close(operator.apply(images, [Region(2 * top, 2 * left, 8, 8, flip)]), expected)


@pytest.mark.parametrize("downscale", [1, 2])
def test_pixels_outside_the_region_take_no_gradient(downscale: int):
    operator = RegionOperator(size=(8, 8), mode="random_crop", reach=4, downscale=downscale)
    images = canvas(12).requires_grad_()
    operator.apply(images, [Region(4, 0, 8, 8)]).square().sum().backward()
    touched = torch.zeros(12, 12, dtype=torch.bool)
    touched[4:12, 0:8] = True
    assert torch.equal((images.grad != 0).all(0).all(0), touched)
    assert torch.equal((images.grad != 0).any(0).any(0), touched)


def test_a_roll_shifts_around_the_edge_and_keeps_all_pixels():
    operator = RegionOperator(size=(4, 4), mode="roll", reach=3)
    images = canvas(4)
    seen = operator.apply(images, [Region(top=1, left=-1, height=4, width=4)])
    assert torch.equal(seen[:, :, 0, 0], images[:, :, 1, 3])
    assert torch.equal(seen.flatten(1).sort(1).values, images.flatten(1).sort(1).values)


def test_a_flip_mirrors_left_and_right():
    images = canvas(4)
    seen = RegionOperator(size=(4, 4), mode="none", flip=True).apply(images, [Region(0, 0, 4, 4, flip=True)])
    assert torch.equal(seen[..., 0], images[..., 3])


def test_a_size_that_the_factor_does_not_divide_stays_within_the_canvas():
    operator = RegionOperator(size=(9, 9), mode="random_crop", reach=4, downscale=2)
    assert operator.apply(canvas(13), [Region(4, 4, 8, 8)]).shape == (2, 3, 4, 4)


def test_center_of_even_and_odd_margins():
    image = torch.arange(25.0).view(1, 1, 5, 5)
    assert center(image, (3, 3)).flatten().tolist() == [6, 7, 8, 11, 12, 13, 16, 17, 18]
    assert center(image, (2, 2)).flatten().tolist() == [6, 7, 11, 12]
    assert center(image, (5, 5)).equal(image)
    assert center(image, (1, 3)).flatten().tolist() == [11, 12, 13]
