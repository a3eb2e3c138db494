"""Depthwise convolution against torch's own: values and both gradients, for every way in which these are computed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from dfnas.spaces.depthwise import AveragePool3x3, DepthwiseConv2d, SeparableConv2d


def native(layer: DepthwiseConv2d, x: torch.Tensor) -> torch.Tensor:
    return F.conv2d(x, layer.weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.sampled_from([1, 3, 5, 7, 9]),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 3),
    height=st.integers(3, 11),
    width=st.integers(3, 11),
    channels_last=st.booleans(),
)
def test_values_and_gradients_are_those_of_torch(kernel, stride, dilation, height, width, channels_last):
    layer = DepthwiseConv2d(4, kernel, stride, dilation).double()
    x = torch.randn(2, 4, height, width, dtype=torch.float64)
    x = x.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format).requires_grad_()
    y, expected = layer(x), native(layer, x)
    assert y.shape[2:] == (-(-height // stride), -(-width // stride))
    torch.testing.assert_close(y, expected)
    grad = torch.randn_like(y)
    for wanted in ([x, layer.weight], [x], [layer.weight]):
        torch.testing.assert_close(
            torch.autograd.grad(y, wanted, grad, True), torch.autograd.grad(expected, wanted, grad, True)
        )


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(5, 1, 1), (5, 2, 1), (3, 1, 2), (5, 2, 2)])
def test_gradients_of_first_and_second_order_are_those_by_finite_differences(kernel, stride, dilation):
    layer = DepthwiseConv2d(2, kernel, stride, dilation).double()
    x = torch.randn(2, 2, 5, 6, dtype=torch.float64, requires_grad=True)

    def of(x, weight):
        return torch.func.functional_call(layer, {"weight": weight}, (x,))

    weight = layer.weight.detach().requires_grad_()
    assert torch.autograd.gradcheck(of, (x, weight))
    assert torch.autograd.gradgradcheck(of, (x, weight))


def test_a_constant_weight_gets_no_gradient_and_a_constant_input_none():
    layer, x = DepthwiseConv2d(3, 5), torch.randn(2, 3, 8, 8)
    layer(x).sum().backward()
    assert layer.weight.grad is not None
    layer.requires_grad_(False)
    x.requires_grad_()
    layer(x).sum().backward()
    assert x.grad is not None


def test_parameters_are_those_of_the_plain_layer():
    torch.manual_seed(0)
    layer = DepthwiseConv2d(6, 5, 2, 1)
    torch.manual_seed(0)
    plain = nn.Conv2d(6, 6, 5, 2, 2, groups=6, bias=False)
    assert torch.equal(layer.weight, plain.weight)
    plain.load_state_dict(layer.state_dict())


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_the_separable_pair_has_the_values_and_gradients_of_its_parts(stride, dilation):
    pair = SeparableConv2d(3, 4, 5, stride, dilation).double()
    x = torch.randn(2, 3, 7, 8, dtype=torch.float64, requires_grad=True)
    y, expected = pair(x), nn.functional.conv2d(native(pair[0], x), pair[1].weight)
    torch.testing.assert_close(y, expected)
    grad, wanted = torch.randn_like(y), [x, *pair.parameters()]
    found, other = (torch.autograd.grad(output, wanted, grad) for output in (y, expected))
    torch.testing.assert_close(found, other)


def test_the_separable_pair_keeps_its_input_alone():
    pair, kept = SeparableConv2d(3, 4, 5), []
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        pair(x)
    assert {t.data_ptr() for t in kept} == {t.data_ptr() for t in (x, *pair.parameters())}


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [1, 2, 7, 8])
def test_average_pooling_is_that_of_torch(stride, side):
    x = torch.randn(2, 3, side, side + 1, dtype=torch.float64, requires_grad=True)
    y, expected = AveragePool3x3(stride)(x), F.avg_pool2d(x, 3, stride, 1, count_include_pad=False)
    torch.testing.assert_close(y, expected)
    grad = torch.randn_like(y)
    torch.testing.assert_close(*(torch.autograd.grad(output, x, grad)[0] for output in (y, expected)))


@pytest.mark.parametrize("make", [lambda: DepthwiseConv2d(4, 5), lambda: SeparableConv2d(4, 6, 3, 2), AveragePool3x3])
def test_under_autocast_it_computes_in_bfloat16_and_gives_gradients_of_the_weights_kind(make):
    torch.manual_seed(0)
    layer = make(1) if make is AveragePool3x3 else make()
    x = torch.randn(2, 4, 8, 8).requires_grad_()
    wanted = [x, *layer.parameters()]
    expected = layer(x)
    grad = torch.randn_like(expected)
    exact = torch.autograd.grad(expected, wanted, grad)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    for found, gradient in zip(torch.autograd.grad(y, wanted, grad.bfloat16()), exact, strict=True):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, gradient, atol=0.05 * gradient.abs().max().item(), rtol=0)
