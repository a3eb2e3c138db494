"""The statistics of BatchNorm inputs and their distances, against direct computations and finite differences."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.errors import InputError
from dfnas.synthesis.statistics import FeatureStatistics, channel_moments


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def remembering(mean: torch.Tensor, variance: torch.Tensor) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(len(mean), dtype=mean.dtype).eval()
    layer.running_mean, layer.running_var = mean, variance
    return layer


def measured(passes: list[tuple[nn.BatchNorm2d, torch.Tensor]], **options) -> torch.Tensor:
    """The term after each layer has seen its input."""
    with FeatureStatistics([layer for layer, _ in passes], 1.0, **options) as features:
        for layer, x in passes:
            layer(x)
        return features.loss()[0]


def test_gradient_of_the_statistics_is_that_of_finite_differences():
    x, weights = noise(3, 4, 2, 2).requires_grad_(), noise(2, 4)
    assert torch.autograd.gradcheck(channel_moments, (x,))
    assert torch.autograd.gradcheck(lambda x: (torch.stack(channel_moments(x)) ** 2 * weights).sum(), (x,))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_statistics_are_those_of_a_direct_computation_on_the_batch_norm_inputs(layout):
    torch.manual_seed(0)
    network = cifar_resnet(8, (4, 6, 8)).double().eval()
    layers = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for layer in layers:
        layer.running_mean.normal_()
        layer.running_var.uniform_(0.5, 2)
    inputs = []
    for layer in layers:
        layer.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    images = noise(3, 3, 8, 8).contiguous(memory_format=layout).requires_grad_()
    with FeatureStatistics(layers, weight=1.0, first_multiplier=10.0) as features:
        network(images)
        loss, _ = features.loss()
    expected = 0
    for index, (layer, x) in enumerate(zip(layers, inputs, strict=True)):
        variance, mean = x.var((0, 2, 3), correction=0), x.mean((0, 2, 3))
        distance = (mean - layer.running_mean).norm() + (variance - layer.running_var).norm()
        expected = expected + distance * (10 if index == 0 else 1)
    torch.testing.assert_close(loss, expected)
    (gradient,) = torch.autograd.grad(loss, images, retain_graph=True)
    (expected_gradient,) = torch.autograd.grad(expected, images)
    torch.testing.assert_close(gradient, expected_gradient)


def test_a_batch_with_the_stored_statistics_has_distance_zero_and_a_finite_gradient():
    torch.manual_seed(0)
    network = cifar_resnet(8, (4, 6, 8)).double()
    layers = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    images = noise(4, 3, 8, 8).requires_grad_()
    # Layer by layer, since a layer's statistics change the inputs of those behind it.
    for layer in layers:
        network.eval()
        seen = []
        handle = layer.register_forward_pre_hook(lambda _, args, seen=seen: seen.append(args[0].detach()))
        network(images)
        handle.remove()
        layer.running_mean.copy_(seen[0].mean((0, 2, 3)))
        layer.running_var.copy_(seen[0].var((0, 2, 3), correction=0))
    with FeatureStatistics(layers, weight=1.0, first_multiplier=10.0) as features:
        network(images)
        loss, _ = features.loss()
    assert loss.item() == pytest.approx(0, abs=1e-10)
    assert torch.autograd.grad(loss, images)[0].isfinite().all()


@pytest.mark.parametrize("distance", ["norm", "squared"])
def test_the_gradient_at_distance_exactly_zero_is_zero(distance: str):
    x = torch.ones(2, 3, 2, 2, requires_grad=True)
    loss = measured([(remembering(torch.ones(3), torch.zeros(3)), x)], distance=distance)
    assert loss.item() == pytest.approx(0, abs=1e-15)
    assert not torch.autograd.grad(loss, x)[0].any()


def test_statistics_of_bfloat16_inputs_are_summed_in_float32():
    x = (5 + 0.1 * noise(64, 2, 16, 16)).bfloat16()
    mean, variance = channel_moments(x)
    exact = x.double()
    assert mean.dtype == variance.dtype == torch.float32
    torch.testing.assert_close(mean.double(), exact.mean((0, 2, 3)), rtol=1e-5, atol=0)
    torch.testing.assert_close(variance.double(), exact.var((0, 2, 3), correction=0), rtol=1e-3, atol=0)


def test_hooks_are_gone_after_the_context():
    layer = nn.BatchNorm2d(3).eval()
    with FeatureStatistics([layer], weight=1.0, first_multiplier=1.0):
        assert len(layer._forward_pre_hooks) == 1
        with pytest.raises(RuntimeError):
            layer(torch.zeros(1, 2, 4, 4))
    assert not layer._forward_pre_hooks


def test_a_teacher_without_batch_norm_needs_weight_zero():
    with pytest.raises(InputError, match=r"no BatchNorm.*invert_teacher.feature_weight to 0"):
        FeatureStatistics([], weight=0.1, first_multiplier=10.0)
    with FeatureStatistics([], weight=0.0, first_multiplier=10.0) as features:
        assert features.loss() == (0, None)


@pytest.mark.parametrize("distance", ["norm", "squared", "kl"])
def test_relative_distances_do_not_depend_on_the_scale_of_a_layer_nor_on_the_number_of_channels_or_layers(
    distance: str,
):
    def value(scale: float, copies: int, layers: int) -> float:
        x = torch.randn(8, 4, 5, 5, generator=torch.Generator().manual_seed(0)).repeat(1, copies, 1, 1) * scale
        norms = [nn.BatchNorm2d(4 * copies) for _ in range(layers)]
        for norm in norms:
            norm.running_mean.fill_(0.5 * scale)
            norm.running_var.fill_(2 * scale**2)
        with FeatureStatistics(norms, 1.0, 1.0, distance, "relative") as statistics:
            for norm in norms:
                norm.eval()(x)
            return float(statistics.loss()[0])

    assert value(3.0, 1, 1) == pytest.approx(value(1.0, 1, 1), rel=1e-5)
    assert value(1.0, 6, 1) == pytest.approx(value(1.0, 1, 1), rel=1e-5)
    assert value(1.0, 1, 5) == pytest.approx(value(1.0, 1, 1), rel=1e-5)


LAYERS = [(remembering(noise(c), noise(c).abs() + 0.3), (1 + noise(3, c, 2, 2)).requires_grad_()) for c in (2, 3)]


@pytest.mark.parametrize("scale", ["sum", "relative"])
def test_distances_are_those_of_the_formulas(scale: str):
    norm = squared = kl = 0.0
    for place, (layer, x) in enumerate(LAYERS):
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        mu, sigma2 = layer.running_mean, layer.running_var
        weight = 10 if place == 0 else 1
        by = (lambda t: t / 2) if scale == "relative" else (lambda t: t)
        own = (sigma2.sqrt().norm(), sigma2.norm(), len(mu)) if scale == "relative" else (1, 1, 1)
        norm += weight * by((mean - mu).norm() / own[0] + (variance - sigma2).norm() / own[1])
        squared += weight * by((mean - mu).norm() ** 2 / own[0] ** 2 + (variance - sigma2).norm() ** 2 / own[1] ** 2)
        divergence = kl_divergence(Normal(mean, variance.sqrt()), Normal(mu, sigma2.sqrt())).sum()
        kl += weight * by(divergence / own[2])
    for distance, expected in (("norm", norm), ("squared", squared), ("kl", kl)):
        value = measured(LAYERS, first_multiplier=10.0, distance=distance, scale=scale)
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("scale", ["sum", "relative"])
@pytest.mark.parametrize("distance", ["norm", "squared", "kl"])
def test_gradients_of_all_distances_are_those_of_finite_differences(distance: str, scale: str):
    layers = [layer for layer, _ in LAYERS]

    def term(*inputs: torch.Tensor) -> torch.Tensor:
        return measured(list(zip(layers, inputs, strict=True)), distance=distance, scale=scale)

    assert torch.autograd.gradcheck(term, tuple(x for _, x in LAYERS))


@pytest.mark.parametrize("distance", ["norm", "squared", "kl"])
def test_channels_that_never_varied_give_finite_terms_and_gradients(distance: str):
    x = torch.randn(4, 3, 2, 2).requires_grad_()
    layer = remembering(torch.zeros(3), torch.tensor([0.0, 1.0, 1.0]))
    for dead in (layer, remembering(torch.zeros(3), torch.zeros(3))):
        loss = measured([(dead, x)], distance=distance, scale="relative")
        assert loss.isfinite()
        assert torch.autograd.grad(loss, x)[0].isfinite().all()


def test_a_running_average_over_small_batches_is_the_statistics_of_all_of_them():
    mean, variance = noise(3), noise(3).abs()
    layer, batches = remembering(mean, variance), noise(400, 2, 3, 4, 4)
    average = None
    with FeatureStatistics([layer], 1.0, momentum=0.99) as features:
        for x in batches:
            layer(x)
            _, average = features.loss(average)
    # The weights of an exponential average: 0.99^399 of the first, 0.01 · 0.99^i of the others.
    weights = 0.01 * 0.99 ** torch.arange(399, -1, -1, dtype=torch.float64)
    weights[0] *= 100
    first = (weights[:, None] * batches.mean((1, 3, 4))).sum(0)
    second = (weights[:, None] * (batches**2).mean((1, 3, 4))).sum(0)
    torch.testing.assert_close(average, torch.stack([first, second]))


def test_the_gradient_of_a_running_average_is_taken_as_if_the_batch_were_all_of_it():
    layer = remembering(torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    before, x = noise(2, 3, 4, 4), (1 + noise(2, 3, 4, 4)).requires_grad_()
    with FeatureStatistics([layer], 1.0, distance="squared", momentum=0.9) as features:
        layer(before)
        _, average = features.loss()
        layer(x)
        loss, (first, second) = features.loss(average)
    variance = second - first**2
    assert loss.item() == pytest.approx(((first**2).sum() + ((variance - 1) ** 2).sum()).item())
    (gradient,) = torch.autograd.grad(loss, x)
    count = x.numel() // 3
    slope = 2 * (variance - 1)  # to the variance; 2·first to the mean, of which -2·first of the variance's part
    expected = ((2 * first - 2 * slope * first).view(1, -1, 1, 1) + 2 * slope.view(1, -1, 1, 1) * x) / count
    torch.testing.assert_close(gradient, expected)


def test_layers_none_of_which_runs_are_refused():
    with (
        FeatureStatistics([nn.BatchNorm2d(3).eval()], weight=1.0) as features,
        pytest.raises(InputError, match=r"none of them runs.*feature_weight to 0"),
    ):
        features.loss()


def test_synchronised_layers_count_where_they_see_images():
    x, row = torch.randn(4, 3, 5, 5), torch.randn(4, 3)
    plain, synchronised = nn.BatchNorm2d(3).eval(), nn.SyncBatchNorm(3).eval()
    torch.testing.assert_close(measured([(synchronised, x)]), measured([(plain, x)]))
    torch.testing.assert_close(measured([(synchronised, x), (nn.SyncBatchNorm(3).eval(), row)]), measured([(plain, x)]))
    network = nn.Sequential(nn.Conv2d(3, 3, 1), plain, nn.Conv2d(3, 3, 1), synchronised)
    assert Teacher(TeacherSpec(builder="-", mean=(0.5,) * 3, std=(0.2,) * 3), network).batch_norms() == [
        plain,
        synchronised,
    ]


def test_layers_that_do_not_run_or_run_twice_are_counted_as_they_ran():
    used, unused = remembering(torch.zeros(2), torch.ones(2)), remembering(torch.zeros(9), torch.ones(9))
    x = torch.randn(3, 2, 4, 4)
    with FeatureStatistics([unused, used], 1.0, scale="relative") as features:
        used(x)
        once, _ = features.loss()
        used(x)
        used(x)
        torch.testing.assert_close(features.loss()[0], once)
