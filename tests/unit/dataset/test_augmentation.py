"""Views of stored images. Each stored pixel holds its own position, so that a view says where it was cut."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2.functional import resized_crop

from dfnas.dataset.augment import averaged, cutout, draw, drawn_view, plain_view
from dfnas.dataset.images import ImageSet
from dfnas.settings.training import AugmentationSettings, JitterSettings

SIZE = 6


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def positions(count: int, side: int) -> ImageSet:
    """Pixel (y, x) has the value 1 + y * side + x. The normalisation is none: views are pixels / 255."""
    images = (1 + torch.arange(side * side)).reshape(1, 1, side, side).expand(count, 1, side, side)
    labels = torch.ones(count, 1)
    return ImageSet(images.to(torch.uint8), labels, labels[:, 0].long(), (SIZE, SIZE), (0.0,), (1.0,))


def random_view(
    data: ImageSet, images: torch.Tensor, settings: AugmentationSettings, generator: torch.Generator
) -> torch.Tensor:
    return drawn_view(data, images, settings, draw(len(images), data, settings, generator))


def cuts(side: int, count: int = 2000, **settings) -> tuple[np.ndarray, np.ndarray]:
    """Top left corners (B, 2), in stored pixels, and mirrored or not (B,), of random views."""
    data = positions(count, side)
    views = random_view(data, data.images, AugmentationSettings(**settings), generator())
    values = (views * 255).round().long()[:, 0].numpy()
    pad = settings["pad"]
    canvas = np.pad(np.arange(1, 1 + side * side).reshape(side, side), pad)
    found = []
    for view in values:
        matches = [
            (y, x, bool(mirrored))
            for y in range(side + 2 * pad - SIZE + 1)
            for x in range(side + 2 * pad - SIZE + 1)
            for mirrored in (0, 1)
            if np.array_equal(canvas[y : y + SIZE, x : x + SIZE][:, :: -1 if mirrored else 1], view)
        ]
        assert len(matches) == 1
        found.append(matches[0])
    return np.array([m[:2] for m in found]), np.array([m[2] for m in found])


def test_the_plain_view_is_the_centre_normalised():
    data = positions(2, 10)
    data = ImageSet(
        data.images.repeat(1, 2, 1, 1), data.soft_labels, data.targets, (SIZE, SIZE), (0.1, 0.2), (0.5, 0.25)
    )
    centre = data.images[:, :, 2:8, 2:8].double() / 255
    expected = (centre - torch.tensor([0.1, 0.2]).view(1, 2, 1, 1)) / torch.tensor([0.5, 0.25]).view(1, 2, 1, 1)
    torch.testing.assert_close(plain_view(data, data.images), expected.float())


def test_without_room_and_flips_a_random_view_is_the_plain_view():
    data = positions(5, SIZE)
    settings = AugmentationSettings(pad=0, flip=False)
    assert torch.equal(random_view(data, data.images, settings, generator()), plain_view(data, data.images))


@pytest.mark.parametrize(("side", "pad"), [(SIZE, 1), (SIZE + 3, 0), (SIZE + 1, 1)], ids=["pad", "canvas", "both"])
def test_corners_are_uniform_over_all_places_to_the_extremes(side, pad):
    corners, mirrored = cuts(side, pad=pad, flip=False)
    places = side + 2 * pad - SIZE + 1
    counts = np.zeros((places, places))
    np.add.at(counts, tuple(corners.T), 1)
    expected = len(corners) / counts.size
    assert ((counts - expected) ** 2 / expected).sum() < counts.size + 5 * np.sqrt(2 * counts.size)  # chi-square
    assert counts.min() > 0
    assert not mirrored.any()


def test_half_of_the_views_are_mirrored_wherever_they_are_cut():
    corners, mirrored = cuts(SIZE, pad=1, flip=True)
    assert abs(mirrored.mean() - 0.5) < 5 * 0.5 / np.sqrt(len(mirrored))
    for x in range(3):
        assert abs(mirrored[corners[:, 1] == x].mean() - 0.5) < 0.1


def test_views_are_a_function_of_the_generator():
    data, settings = positions(20, SIZE), AugmentationSettings(pad=2, cutout=3)
    one, same, other = (random_view(data, data.images, settings, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_stored_images_are_left_alone():
    data = positions(4, SIZE)
    before = data.images.clone()
    random_view(data, data.images, AugmentationSettings(pad=2, cutout=3), generator())
    assert torch.equal(data.images, before)


@given(side=st.integers(1, 9), length=st.integers(1, 12), seed=st.integers(0, 1000))
def test_cutout_is_a_clipped_square_around_a_random_pixel(side, length, seed):
    views = torch.ones(3, 2, side, side)
    cut = cutout(views, length, generator(seed))
    centres = torch.randint(side, (2, 3, 1), generator=generator(seed))[..., 0]
    expected = views.clone()
    for image, (y, x) in enumerate(centres.T.tolist()):
        for row in range(y - length // 2, y - length // 2 + length):
            for column in range(x - length // 2, x - length // 2 + length):
                if 0 <= row < side and 0 <= column < side:
                    expected[image, :, row, column] = 0
    assert torch.equal(cut, expected)
    assert torch.equal(views, torch.ones_like(views))


@pytest.mark.parametrize(("channels", "size"), [(3, (24, 32)), (1, (12, 20))])
@pytest.mark.parametrize("margin", [0, 4], ids=["padded", "cropped"])
def test_views_of_images_that_are_no_squares(channels, size, margin):
    """Rows have values of their own, columns alternate: a view says where it was cut, but for steps of two columns."""
    height, width = size[0] + margin, size[1] + margin
    image = (torch.arange(1, height + 1)[:, None] + 100 * (torch.arange(width) % 2)).to(torch.uint8)
    images = image.expand(30, channels, height, width)
    normalisation = ((0.0,) * channels, (1.0,) * channels)
    data = ImageSet(images, torch.ones(30, 1), torch.zeros(30).long(), size, *normalisation)
    plain = (plain_view(data, images) * 255).round().to(torch.uint8)
    half = margin // 2
    assert torch.equal(plain, images[..., half : half + size[0], half : half + size[1]])
    pad = 0 if margin else 2
    views = (random_view(data, images, AugmentationSettings(pad=pad, flip=False), generator()) * 255).round()
    assert views.shape == (30, channels, *size)
    padded = torch.nn.functional.pad(images[0, 0], [pad] * 4)
    places = [(y, x) for y in range(5) for x in range(5)]
    for view in views[:, 0].to(torch.uint8):
        assert any(torch.equal(view, padded[y : y + size[0], x : x + size[1]]) for y, x in places)
    cut = random_view(data, images, AugmentationSettings(pad=0, cutout=5), generator())
    assert cut.shape == (30, channels, *size)
    assert not cut[:, :, 2:].all()


@given(
    channels=st.sampled_from([1, 3, 4]),
    margins=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    pad=st.integers(0, 3),
    flip=st.booleans(),
    seed=st.integers(0, 99),
)
def test_views_are_to_the_bit_what_picking_pixel_by_pixel_gives(channels, margins, pad, flip, seed):
    """By the definition: pad, cut, mirror, divide by 255, subtract the mean, divide by the deviation."""
    count, (height, width) = 5, (6, 4)
    stored = (height + margins[0], width + margins[1])
    images = torch.randint(256, (count, channels, *stored), generator=generator(seed), dtype=torch.uint8)
    mean, std = (torch.linspace(low, 0.5, channels) for low in (0.3, 0.2))
    labels = torch.ones(count, 1)
    data = ImageSet(images, labels, labels[:, 0].long(), (height, width), tuple(mean.tolist()), tuple(std.tolist()))
    rng = generator(seed)
    tops, lefts = (
        torch.randint(side + 2 * pad - size + 1, (count, 1), generator=rng)[:, 0].tolist()
        for side, size in zip(stored, data.size, strict=True)
    )
    mirrored = (torch.rand(count, generator=rng) < 0.5).tolist() if flip else [False] * count
    padded = torch.nn.functional.pad(images, [pad] * 4)
    cut = [x[:, y : y + height, x0 : x0 + width] for x, y, x0 in zip(padded, tops, lefts, strict=True)]
    cut = torch.stack([x.flip(2) if mirror else x for x, mirror in zip(cut, mirrored, strict=True)])
    expected = (cut.float() / 255 - mean.view(1, -1, 1, 1)) / std.view(1, -1, 1, 1)
    views = random_view(data, images, AugmentationSettings(pad=pad, flip=flip), generator(seed))
    assert torch.equal(views, expected)
    assert views.is_contiguous(memory_format=torch.channels_last)


@given(
    channels=st.sampled_from([1, 3]),
    side=st.integers(1, 4),
    squares=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 99),
)
def test_averages_over_squares_are_those_of_average_pooling(channels, side, squares, seed):
    views = torch.randn(3, channels, *(side * count for count in squares), generator=generator(seed))
    views = views.contiguous(memory_format=torch.channels_last)
    before = views.clone()
    torch.testing.assert_close(averaged(views, side), torch.nn.functional.avg_pool2d(views, side))
    assert averaged(views, side).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(views, before)


@pytest.mark.parametrize("pad", [0, 1, 3])
def test_mirrored_edges_are_those_of_torch(pad):
    data = positions(12, SIZE)
    settings = AugmentationSettings(pad=pad, flip=False, padding="reflect")
    rng = generator(5)
    tops, lefts = (torch.randint(2 * pad + 1, (12,), generator=rng).tolist() for _ in range(2))
    padded = torch.nn.functional.pad(data.images.float(), [pad] * 4, "reflect")
    height, width = data.size
    cut = [x[:, y : y + height, x0 : x0 + width] for x, y, x0 in zip(padded, tops, lefts, strict=True)]
    views = random_view(data, data.images, settings, generator(5))
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (data.mean, data.std))
    torch.testing.assert_close(views, (torch.stack(cut) / 255 - mean) / std)


@given(seed=st.integers(0, 999), flip=st.booleans(), size=st.sampled_from([(6, 6), (8, 5)]))
def test_crops_of_random_size_are_torchvisions_of_the_same_windows(seed, flip, size):
    images = torch.randint(256, (6, 3, 12, 9), generator=generator(seed), dtype=torch.uint8)
    labels = torch.ones(6, 1)
    data = ImageSet(images, labels, labels[:, 0].long(), size, (0.0,) * 3, (1.0,) * 3)
    settings = AugmentationSettings(pad=0, flip=flip, crop_area=(0.08, 1.0), crop_aspect=(0.75, 1.3333))
    drawn = draw(6, data, settings, generator(seed))
    views = drawn_view(data, images, settings, drawn)
    for image, window, mirrored, view in zip(
        images, drawn.windows.tolist(), drawn.mirrored if flip else [False] * 6, views, strict=True
    ):
        expected = resized_crop(image.float(), *window, list(size), antialias=False) / 255
        torch.testing.assert_close(view, expected.flip(2) if mirrored else expected, rtol=0, atol=1e-5)
        assert 0.04 < window[2] * window[3] / (12 * 9) <= 1


def test_colours_are_changed_before_images_are_normalised():
    images = torch.full((8, 3, 4, 4), 200, dtype=torch.uint8)
    labels = torch.ones(8, 1)
    data = ImageSet(images, labels, labels[:, 0].long(), (4, 4), (0.5,) * 3, (0.25,) * 3)
    settings = AugmentationSettings(pad=0, flip=False, jitter=JitterSettings(brightness=0.5))
    views = random_view(data, images, settings, generator())
    factors = (views[:, 0, 0, 0] * 0.25 + 0.5) * 255 / 200
    assert factors.max() <= 255 / 200 + 1e-4, "clipped to white"
    assert factors.min() >= 0.5
    assert len(factors.unique()) > 4


def test_a_crop_area_and_a_padding_exclude_each_other():
    with pytest.raises(ValueError, match="set pad to 0, not 4"):
        AugmentationSettings(crop_area=(0.5, 1.0))
    for area in ((0.5, 0.4), (0.001, 1.0), (0.0, 1.0)):
        with pytest.raises(ValueError, match="crop_area must"):
            AugmentationSettings(pad=0, crop_area=area)
