"""Priors on images and disagreement, against closed forms, numbers worked by hand, and finite differences."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dfnas.synthesis.regularizers import image_norm, likeness, total_variation


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_total_variation_of_a_small_image_worked_by_hand():
    image = torch.tensor([[[[1.0, 2.0], [4.0, 8.0]]]])
    # right: 1, 4; below: 3, 6; below right: 7; below left: 4 - 2
    assert total_variation(image).item() == pytest.approx(math.sqrt(17) + math.sqrt(45) + 7 + 2, rel=1e-6)


def test_each_norm_of_the_total_variation_runs_over_the_whole_batch():
    image = noise(1, 3, 5, 5)
    four = image.expand(4, -1, -1, -1)
    torch.testing.assert_close(total_variation(four), 2 * total_variation(image))


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_a_constant_image_has_no_variation_and_a_finite_gradient(value: float):
    image = torch.full((2, 3, 4, 4), value, requires_grad=True)
    loss = total_variation(image) + image_norm(image)
    (gradient,) = torch.autograd.grad(loss, image)
    assert total_variation(image).item() == 0
    assert gradient.isfinite().all()


def test_image_norm_is_the_mean_of_the_norms_of_the_images():
    images = torch.stack([torch.full((1, 2, 2), 3.0), torch.full((1, 2, 2), 1.0)])
    assert image_norm(images).item() == pytest.approx((6 + 2) / 2)


@pytest.mark.parametrize("term", [total_variation, image_norm])
def test_gradients_are_those_of_finite_differences(term):
    assert torch.autograd.gradcheck(term, (noise(2, 3, 4, 4).requires_grad_(),))


def test_likeness_is_one_for_equal_predictions_and_one_less_ln_2_for_disjoint_ones():
    logits = torch.tensor([[40.0, 0.0, 0.0], [0.0, 40.0, 0.0]])
    assert likeness(logits, logits, 1.0).item() == pytest.approx(1)
    assert likeness(logits, logits.flip(0), 1.0).item() == pytest.approx(1 - math.log(2))


def test_likeness_of_two_distributions_worked_by_hand():
    p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.9, 0.1]])
    middle = (p + q) / 2
    divergence = 0.5 * (p * (p / middle).log()).sum() + 0.5 * (q * (q / middle).log()).sum()
    assert likeness(3 * p.log(), 3 * q.log(), 3.0).item() == pytest.approx(1 - divergence.item(), rel=1e-5)


@given(seed=st.integers(0, 2**20), temperature=st.floats(0.5, 10), scale=st.floats(0.1, 60))
def test_likeness_is_symmetric_and_within_its_bounds(seed: int, temperature: float, scale: float):
    first, second = scale * torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(seed))
    value = likeness(first, second, temperature)
    assert 1 - math.log(2) - 1e-5 <= value <= 1 + 1e-5
    torch.testing.assert_close(value, likeness(second, first, temperature))


def test_gradient_of_the_likeness_is_that_of_finite_differences():
    logits = noise(2, 3, 5).float().double()
    second = logits[1].float()

    def slope(x: torch.Tensor, direction: torch.Tensor) -> float:
        ahead, behind = (likeness(x + step * direction, second, 3.0) for step in (0.01, -0.01))
        return ((ahead - behind) / 0.02).item()

    x = logits[0].float().requires_grad_()
    (gradient,) = torch.autograd.grad(likeness(x, second, 3.0), x)
    for direction in noise(4, 3, 5).float():
        assert (gradient * direction).sum().item() == pytest.approx(slope(x.detach(), direction), rel=0.02, abs=1e-4)
