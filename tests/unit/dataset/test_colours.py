"""Random colours beside torchvision's own operations."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as reference

from dfnas.dataset.colours import Colours, coloured, draw_colours
from dfnas.settings.training import JitterSettings

CHANGES = (
    reference.adjust_brightness,
    reference.adjust_contrast,
    reference.adjust_saturation,
    reference.adjust_hue,
)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(seed=st.integers(0, 10_000), channels=st.sampled_from([1, 3]), grey=st.booleans())
def test_every_image_is_changed_as_torchvision_changes_it(seed, channels, grey):
    pixels = torch.randint(256, (4, 5, 6, channels), generator=seeded(seed)).float()
    if grey:
        pixels[0] = 77.0  # no hue, and no chroma to divide by
    colours = draw_colours(4, JitterSettings(brightness=0.4, contrast=0.7, saturation=1.5, hue=0.5), seeded(seed))
    expected = []
    for image, factors, order in zip(pixels / 255, colours.factors, colours.order, strict=True):
        image = image.permute(2, 0, 1)
        for kind in order.tolist():
            image = CHANGES[kind](image, factors[kind].item())
        expected.append(image.permute(1, 2, 0))
    torch.testing.assert_close(coloured(pixels, colours) / 255, torch.stack(expected), rtol=0, atol=2e-5)


def test_factors_lie_around_one_and_turns_around_zero_as_wide_as_asked():
    colours = draw_colours(20_000, JitterSettings(brightness=0.4, contrast=2.0, saturation=0.0, hue=0.1), seeded(0))
    lowest, highest = colours.factors.amin(0).tolist(), colours.factors.amax(0).tolist()
    assert lowest == pytest.approx([0.6, 0.0, 1.0, -0.1], abs=2e-3)
    assert highest == pytest.approx([1.4, 3.0, 1.0, 0.1], abs=2e-3)
    orders = (colours.order * torch.tensor([64, 16, 4, 1])).sum(1).unique(return_counts=True)[1]
    assert len(orders) == 24
    assert ((orders - 20_000 / 24).abs() < 5 * (20_000 / 24) ** 0.5).all()


def test_what_is_given_stays_as_it_is():
    pixels = torch.full((2, 3, 3, 3), 100.0)
    coloured(pixels, Colours(torch.full((2, 4), 0.5), torch.arange(4).expand(2, 4)))
    assert (pixels == 100).all()
