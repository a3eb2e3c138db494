"""Cross-entropy to distributions, its temperature and its smoothing."""

import math

import pytest
import torch
from torch.nn import functional as F

from dfnas.runtime.errors import InputError
from dfnas.training.losses import check_finite, smoothed, soft_cross_entropy

torch.manual_seed(0)
LOGITS = torch.randn(5, 7, dtype=torch.float64)
TEACHER = torch.randn(5, 7, dtype=torch.float64)
HARD = F.one_hot(torch.tensor([0, 3, 6, 2, 2]), 7).double()


def divergence_and_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    divergence = F.kl_div(logits.log_softmax(1), targets, reduction="batchmean")
    return divergence + torch.special.entr(targets).sum(1).mean()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_loss_is_divergence_plus_entropy_with_the_temperature_on_both_sides(temperature):
    expected = divergence_and_entropy(LOGITS / temperature, (TEACHER / temperature).softmax(1))
    targets = (TEACHER / temperature).softmax(1)
    torch.testing.assert_close(soft_cross_entropy(LOGITS, targets, temperature), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_smoothing_is_that_of_torch(smoothing):
    expected = F.cross_entropy(LOGITS, HARD.argmax(1), label_smoothing=smoothing)
    torch.testing.assert_close(soft_cross_entropy(LOGITS, HARD, smoothing=smoothing), expected)
    assert smoothed(HARD, smoothing).sum(1).allclose(torch.ones(5, dtype=torch.float64))


def test_smoothing_is_not_itself_softened():
    expected = divergence_and_entropy(LOGITS / 3, 0.9 * (TEACHER / 3).softmax(1) + 0.1 / 7)
    torch.testing.assert_close(soft_cross_entropy(LOGITS, (TEACHER / 3).softmax(1), 3.0, 0.1), expected)


def test_the_gradient_is_the_difference_of_the_distributions():
    logits = LOGITS.clone().requires_grad_()
    soft_cross_entropy(logits, TEACHER.softmax(1)).backward()
    torch.testing.assert_close(logits.grad, (LOGITS.softmax(1) - TEACHER.softmax(1)) / 5)


def test_at_high_temperatures_the_loss_times_their_square_pulls_logits_together():
    """Its gradient tends to the difference of the centred logits over K (Hinton et al. 2015, equation 4)."""
    temperature, logits = 1e4, LOGITS.clone().requires_grad_()
    targets = (TEACHER / temperature).softmax(1)
    (temperature**2 * soft_cross_entropy(logits, targets, temperature)).backward()
    ours, theirs = (values - values.mean(1, keepdim=True) for values in (LOGITS, TEACHER))
    torch.testing.assert_close(logits.grad, (ours - theirs) / 7 / 5, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_divergence_is_an_error_of_the_user(loss):
    check_finite(1e30)
    with pytest.raises(InputError, match=r"diverged.*lower lr"):
        check_finite(loss)
