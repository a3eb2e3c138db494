"""The terms of the inversion's loss against closed forms, numbers worked by hand, and finite differences."""

import math

import pytest
import torch
from torch import nn

from dfnas.cifar_resnet import cifar_resnet
from dfnas.runtime.errors import InputError
from dfnas.synthesis.regularizers import FeatureStatistics, StatisticsDistance, image_norm, total_variation


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


def test_gradient_of_the_statistics_is_that_of_finite_differences():
    x, mean, variance = noise(3, 4, 2, 2).requires_grad_(), noise(4), noise(4).abs()
    assert torch.autograd.gradcheck(lambda x: StatisticsDistance.apply(x, mean, variance, 0.7, 1.3), (x,))


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
        loss = features.loss()
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
        loss = features.loss()
    assert loss.item() == pytest.approx(0, abs=1e-10)
    assert torch.autograd.grad(loss, images)[0].isfinite().all()


def test_the_gradient_at_distance_exactly_zero_is_zero():
    x = torch.ones(2, 3, 2, 2, requires_grad=True)
    loss = StatisticsDistance.apply(x, torch.ones(3), torch.zeros(3), 1.0, 1.0)
    assert loss.item() == 0
    assert torch.autograd.grad(loss, x)[0].tolist() == torch.zeros(2, 3, 2, 2).tolist()


def test_statistics_of_bfloat16_inputs_are_summed_in_float32():
    x = (5 + 0.1 * noise(64, 2, 16, 16)).bfloat16()
    distance = StatisticsDistance.apply(x, torch.zeros(2), torch.zeros(2), 1.0, 1.0)
    exact = x.double()
    expected = exact.mean((0, 2, 3)).norm() + exact.var((0, 2, 3), correction=0).norm()
    assert distance.dtype == torch.float32
    assert distance.item() == pytest.approx(expected.item(), rel=1e-5)


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
        assert features.loss() == 0


def test_relative_distances_do_not_depend_on_the_scale_of_a_layer_nor_on_the_number_of_channels_or_layers():
    def distance(scale: float, copies: int, layers: int) -> float:
        x = torch.randn(8, 4, 5, 5, generator=torch.Generator().manual_seed(0)).repeat(1, copies, 1, 1) * scale
        norms = [nn.BatchNorm2d(4 * copies) for _ in range(layers)]
        for norm in norms:
            norm.running_mean.fill_(0.5 * scale)
            norm.running_var.fill_(2 * scale**2)
        with FeatureStatistics(norms, 1.0, 1.0, relative=True) as statistics:
            for norm in norms:
                norm.eval()(x)
            return float(statistics.loss())

    assert distance(3.0, 1, 1) == pytest.approx(distance(1.0, 1, 1), rel=1e-5)
    assert distance(1.0, 6, 1) == pytest.approx(distance(1.0, 1, 1), rel=1e-5)
    assert distance(1.0, 1, 5) == pytest.approx(distance(1.0, 1, 1), rel=1e-5)
