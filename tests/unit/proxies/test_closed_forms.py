"""Training-free scores of networks small enough to say what they are."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from dfnas.proxies.az_nas import block_terms, spectral_entropy
from dfnas.proxies.gradients import grad_norm, zico
from dfnas.proxies.jacov import K, jacov
from dfnas.proxies.naswot import naswot
from dfnas.proxies.synflow import synflow


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear(weights: torch.Tensor) -> nn.Linear:
    """(K, C) weights, without a bias."""
    layer = nn.Linear(weights.shape[1], weights.shape[0], bias=False)
    with torch.no_grad():
        layer.weight.copy_(weights)
    return layer


def pointwise(weights: torch.Tensor) -> nn.Sequential:
    """A block that maps the channels of every pixel by (C′, C) weights."""
    layer = nn.Conv2d(weights.shape[1], weights.shape[0], 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(weights[:, :, None, None])
    return nn.Sequential(layer)


@given(channels=st.integers(1, 8), used=st.integers(1, 8), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_entropy_is_the_logarithm_of_the_directions_that_features_spread_over(channels, used, seed):
    used = min(channels, used)
    # As many orthogonal directions of one variance as are used, turned at random.
    signs = torch.stack([torch.tensor([1.0, -1.0]).repeat(2**i).repeat_interleave(2 ** (7 - i)) for i in range(8)])
    turned = torch.linalg.qr(torch.randn(channels, channels, generator=rng(seed)))[0][:, :used]
    feature = (turned @ signs[:used]).reshape(channels, 1, 16, 16).transpose(0, 1)  # (1, C, 16, 16)
    assert spectral_entropy(feature + 3) == pytest.approx(math.log(used), abs=1e-4)


def test_a_feature_without_variance_has_no_entropy():
    assert math.isnan(spectral_entropy(torch.ones(2, 3, 4, 4)))


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_trainability_is_by_how_much_a_block_stretches_gradients(scale):
    turned = scale * torch.linalg.qr(torch.randn(4, 4, generator=rng()))[0]
    network = nn.Sequential(pointwise(torch.eye(4)), pointwise(turned))
    terms = block_terms(network, list(network), torch.randn(64, 4, 16, 16, generator=rng()), rng())
    assert terms.trainability == pytest.approx(2 - scale - 1 / scale, abs=0.05 * max(1, scale))  # of random signs


def test_a_block_that_passes_its_input_on_cannot_be_trained():
    network = nn.Sequential(pointwise(torch.eye(4)), nn.Sequential(nn.Identity()))
    terms = block_terms(network, list(network), torch.randn(8, 4, 8, 8, generator=rng()), rng())
    assert terms.trainability == -math.inf
    assert terms.progressivity == 0


@pytest.mark.parametrize(("side", "stride"), [(8, 2), (7, 2), (9, 3), (5, 4)])
def test_blocks_that_halve_sides_of_any_length_have_all_terms(side, stride):
    torch.manual_seed(0)
    network = nn.Sequential(pointwise(torch.eye(3)), nn.Sequential(nn.Conv2d(3, 5, 3, stride, 1)))
    assert all(map(math.isfinite, block_terms(network, list(network), torch.randn(4, 3, side, side), rng())))


def test_a_network_with_fewer_than_two_features_is_last():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    assert block_terms(network, list(network), torch.randn(4, 3, 2, 2), rng()) == (-math.inf,) * 3


@given(sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_synflow_is_conserved_from_layer_to_layer(sizes, seed):
    """Every layer without a bias has Σ |w · ∂R/∂w| = R, R = 1ᵀ |W_L| … |W_1| 1 (Tanaka et al. 2020, theorem 1)."""
    weights = [torch.randn(out, into, generator=rng(seed)) for into, out in itertools.pairwise(sizes)]
    layers = [part for each in weights for part in (linear(each), nn.BatchNorm1d(len(each)), nn.ReLU6())]
    flow = torch.ones(sizes[0], dtype=torch.float64)
    for each in weights:
        flow = each.double().abs() @ flow
    assert synflow(nn.Sequential(*layers), (sizes[0],)) == pytest.approx(len(weights) * flow.sum().item(), rel=1e-6)


def test_naswot_is_that_of_the_units_that_images_share():
    # Image 0 switches on units 0 and 1 of four, image 1 units 2 and 3, image 2 units 1 and 2.
    images = torch.tensor([[1.0, 1, -1, -1], [-1, -1, 1, 1], [-1, 1, 1, -1]])
    expected = torch.tensor([[4.0, 0, 2], [0, 4, 2], [2, 2, 4]], dtype=torch.float64).logdet().item()
    assert naswot(nn.Sequential(nn.ReLU()), images) == pytest.approx(expected, abs=1e-9)  # singular: -inf
    apart = images[:2]
    assert naswot(nn.Sequential(nn.ReLU(inplace=True)), apart.clone()) == pytest.approx(math.log(16))
    assert naswot(nn.Sequential(nn.ReLU(), nn.ReLU6()), apart) == pytest.approx(math.log(64))


def test_naswot_of_images_that_look_alike_or_without_a_relu_is_last():
    assert naswot(nn.Sequential(nn.ReLU()), torch.ones(2, 3)) == -math.inf
    assert naswot(nn.Sequential(nn.Identity()), torch.randn(2, 3)) == -math.inf


@pytest.mark.parametrize("count", [2, 5])
def test_jacov_of_a_linear_network_is_that_of_gradients_that_are_one(count):
    network = nn.Sequential(nn.Flatten(), linear(torch.randn(3, 12, generator=rng())))
    expected = -(math.log(count + K) + 1 / (count + K)) - (count - 1) * (math.log(K) + 1 / K)
    found = jacov(network, torch.randn(count, 3, 2, 2))
    assert found == pytest.approx(expected, rel=1e-6)


def test_jacov_of_logits_that_see_no_image_is_last():
    class Constant(nn.Module):
        def forward(self, x):
            return torch.zeros(len(x), 2)

    assert jacov(Constant(), torch.randn(3, 1, 2, 2)) == -math.inf


@given(seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_scores_by_gradients_of_one_layer(seed):
    network = linear(torch.randn(3, 4, generator=rng(seed)))
    batches = [
        (torch.randn(5, 4, generator=rng(seed + i)), torch.rand(5, 3, generator=rng(seed + i)).softmax(1))
        for i in range(2)
    ]
    # ∂/∂W of the mean cross-entropy to soft labels: (softmax(W x) - y) xᵀ.
    gradients = []
    for images, targets in batches:
        error = F.softmax(images @ network.weight.detach().T, 1) - targets
        gradients.append((error.T @ images / len(images)).double())
    one, other = gradients
    expected = math.log(((one.abs() + other.abs()) / (one - other).abs()).sum().item())
    assert zico(network, batches) == pytest.approx(expected, rel=1e-3)
    assert grad_norm(network, batches[0]) == pytest.approx(one.norm().item(), rel=1e-4)


def test_layers_without_a_gradient_add_nothing():
    class Lame(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = linear(torch.eye(2)), linear(torch.eye(2))

        def forward(self, x):
            return self.used(x)

    batches = [(torch.randn(3, 2, generator=rng(i)), torch.eye(2)[[0, 1, 0]]) for i in range(2)]
    network = Lame()
    assert zico(network, batches) == zico(network.used, batches)
    assert grad_norm(network, batches[0]) == grad_norm(network.used, batches[0])
