"""Depthwise convolution, and average pooling by it, with a backward pass that is as quick as its forward pass.

On a CPU the gradients are where a search spends its time: oneDNN has a vectorised kernel for the gradient of the
weights only for undilated kernels up to three columns wide, and none for that of a dilated convolution's input. Both
gradients are therefore put in terms of convolutions that it is quick at:

- the gradient of the input, at stride 1, is a convolution of the output's gradient with the kernel turned round;
- the gradient of a wide kernel's weights is that of groups of up to three of its columns, each on a shifted input;
- a convolution of dilation d works on each of the d × d phases of its input by itself, so that the phases, as images
  of their own, have a convolution without dilation; where the stride is d too, only the first phase counts.

These are identities: only the order of the sums differs from the plain form.

Shapes: B batch, C channels, H W input, H′ W′ output, k kernel.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

QUICK_COLUMNS = 3
"""Widest kernel of which oneDNN takes the weights' gradient by a vectorised kernel."""


class DepthwiseConv2d(nn.Conv2d):
    """(B, C, H, W) to (B, C, ⌈H/s⌉, ⌈W/s⌉): one odd k × k filter without bias for every channel.

    Parameters, initialisation and values are those of `nn.Conv2d` with as many groups as channels.
    """

    def __init__(self, channels: int, kernel: int, stride: int = 1, dilation: int = 1):
        assert kernel % 2, "an even kernel does not keep the sides"
        padding = dilation * (kernel // 2)
        super().__init__(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not _trained(x, self.weight):
            return super().forward(x)
        x, weight, stride, dilation = _without_skipped_phases(x, self)
        return _Depthwise.apply(*_cast(x, weight), stride, dilation)


class SeparableConv2d(nn.Sequential):
    """(B, C, H, W) to (B, C′, ⌈H/s⌉, ⌈W/s⌉): a depthwise convolution, then a 1 × 1 convolution, without bias.

    The depthwise convolution's output is not kept for the backward pass but computed again there: it is half of what
    the pair would keep, and costs a fraction of either convolution's gradients.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1):
        super().__init__(DepthwiseConv2d(inputs, kernel, stride, dilation), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        depthwise, pointwise = self
        assert isinstance(depthwise, DepthwiseConv2d)
        assert isinstance(pointwise, nn.Conv2d)
        if not _trained(x, depthwise.weight, pointwise.weight):
            return super().forward(x)
        x, weight, stride, dilation = _without_skipped_phases(x, depthwise)
        return _Separable.apply(*_cast(x, weight, pointwise.weight), stride, dilation)


class AveragePool3x3(nn.Module):
    """(B, C, H, W) to (B, C, ⌈H/s⌉, ⌈W/s⌉): the mean over the pixels of each 3 × 3 window that lie in the image.

    Equal to `nn.AvgPool2d(3, stride, 1, count_include_pad=False)`, whose gradient on a CPU has no vectorised form for
    channels that lie side by side: there a depthwise convolution adds the windows up, several times faster.
    """

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def extra_repr(self) -> str:
        return f"stride={self.stride}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not _trained(x):
            return F.avg_pool2d(x, 3, self.stride, 1, count_include_pad=False)
        (x,) = _cast(x)
        inside = F.conv2d(x.new_ones(1, 1, *x.shape[2:]), x.new_ones(1, 1, 3, 3), None, self.stride, 1)  # pixels
        return _Depthwise.apply(x, x.new_ones(x.shape[1], 1, 3, 3), self.stride, 1) / inside


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, stride: int, dilation: int) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.dilation = stride, dilation
        return _convolved(x, weight, stride, dilation)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return *_depthwise_gradients(ctx, grad, *ctx.saved_tensors), None, None


class _Separable(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, depthwise: torch.Tensor, pointwise: torch.Tensor, stride: int, dilation: int
    ) -> torch.Tensor:
        ctx.save_for_backward(x, depthwise, pointwise)
        ctx.stride, ctx.dilation = stride, dilation
        return F.conv2d(_convolved(x, depthwise, stride, dilation), pointwise)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, depthwise, pointwise = ctx.saved_tensors
        of_inner = F.conv2d(grad, pointwise.transpose(0, 1))
        of_pointwise = None
        if ctx.needs_input_grad[2]:
            inner = _convolved(x, depthwise, ctx.stride, ctx.dilation)
            of_pointwise = _native_gradients(grad, inner, pointwise, 1, 1, wanted=(False, True), groups=1)[1]
        return *_depthwise_gradients(ctx, of_inner, x, depthwise), of_pointwise, None, None


def _trained(*tensors: torch.Tensor) -> bool:
    """Whether there will be a backward pass, on the device that it is written for."""
    return torch.is_grad_enabled() and tensors[0].device.type == "cpu" and any(t.requires_grad for t in tensors)


def _cast(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """As autocast, where it is on, has the operands of a convolution: it does not see into a function with a backward
    pass of its own."""
    if not torch.is_autocast_enabled("cpu"):
        return tensors
    return tuple(tensor.to(torch.get_autocast_dtype("cpu")) for tensor in tensors)


def _without_skipped_phases(x: torch.Tensor, layer: DepthwiseConv2d) -> tuple[torch.Tensor, torch.Tensor, int, int]:
    """(x, weight, stride, dilation) to the same effect: where stride and dilation agree, one phase is seen alone."""
    stride, dilation = layer.stride[0], layer.dilation[0]
    if stride == dilation > 1:
        return x[:, :, ::stride, ::stride], layer.weight, 1, 1
    return x, layer.weight, stride, dilation


def _depthwise_gradients(
    ctx: Any, grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    of_x = input_gradient(grad, x, weight, ctx.stride, ctx.dilation) if ctx.needs_input_grad[0] else None
    of_weight = weight_gradient(grad, x, weight, ctx.stride, ctx.dilation) if ctx.needs_input_grad[1] else None
    return of_x, of_weight


def input_gradient(
    grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int, dilation: int
) -> torch.Tensor:
    """∂L/∂x (B, C, H, W) from ∂L/∂y (B, C, H′, W′)."""
    if stride == 1:
        return _convolved(grad, weight.flip(2, 3), 1, dilation)
    return _native_gradients(grad, x, weight, stride, dilation, wanted=(True, False))[0]


def weight_gradient(
    grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int, dilation: int
) -> torch.Tensor:
    """∂L/∂weight (C, 1, k, k) from ∂L/∂y (B, C, H′, W′)."""
    if dilation > 1 and stride == 1:
        return weight_gradient(_phases(grad, dilation), _phases(x, dilation), weight, 1, 1)
    size = weight.shape[3]
    if size <= QUICK_COLUMNS or dilation > 1:
        return _native_gradients(grad, x, weight, stride, dilation, wanted=(False, True))[1]
    groups = []
    for first in range(0, size, QUICK_COLUMNS):
        columns = weight[..., first : first + QUICK_COLUMNS]
        # What these columns see of every row, in pixels of the image.
        begin = first - size // 2
        end = begin + (grad.shape[3] - 1) * stride + columns.shape[3]
        if end <= 0 or begin >= x.shape[3]:  # nothing but padding
            groups.append(torch.zeros_like(columns))
            continue
        seen = F.pad(x, (-begin, end - x.shape[3]))
        groups.append(_native_gradients(grad, seen, columns, stride, 1, wanted=(False, True), column_padding=0)[1])
    return torch.cat(groups, 3)


def _convolved(x: torch.Tensor, weight: torch.Tensor, stride: int, dilation: int) -> torch.Tensor:
    return F.conv2d(x, weight, None, stride, dilation * (weight.shape[2] // 2), dilation, groups=x.shape[1])


def _native_gradients(
    grad: torch.Tensor,
    x: torch.Tensor,
    weight: torch.Tensor,
    stride: int,
    dilation: int,
    *,
    wanted: tuple[bool, bool],
    column_padding: int | None = None,
    groups: int | None = None,
) -> Any:
    """torch's own gradients of the input and of the weights, each None unless wanted."""
    padding = dilation * (weight.shape[2] // 2)
    paddings = [padding, padding if column_padding is None else column_padding]
    groups = groups or x.shape[1]
    return torch.ops.aten.convolution_backward(
        grad, x, weight, None, [stride] * 2, paddings, [dilation] * 2, False, [0, 0], groups, [*wanted, False]
    )[:2]


def _phases(x: torch.Tensor, d: int) -> torch.Tensor:
    """(B, C, H, W) to (d·d·B, C, ⌈H/d⌉, ⌈W/d⌉): every d-th pixel of every d-th row, from each of d × d beginnings;
    zeros stand for pixels beyond the edge."""
    x = F.pad(x, (0, -x.shape[3] % d, 0, -x.shape[2] % d)) if x.shape[2] % d or x.shape[3] % d else x
    x = x.unflatten(3, (-1, d)).unflatten(2, (-1, d))  # (B, C, H/d, d, W/d, d)
    x = x.permute(3, 5, 0, 2, 4, 1).flatten(0, 2)  # (d·d·B, H/d, W/d, C), copied
    return x.permute(0, 3, 1, 2)
