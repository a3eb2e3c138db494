"""Depthwise convolution with a backward pass that is as quick as its forward pass.

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
        stride, dilation = self.stride[0], self.dilation[0]
        trained = torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad)
        if not trained or x.device.type != "cpu":
            return super().forward(x)
        if stride == dilation > 1:
            x, stride, dilation = x[:, :, ::dilation, ::dilation], 1, 1
        return _Depthwise.apply(x, self.weight, stride, dilation)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor, stride: int, dilation: int) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.dilation = stride, dilation
        return _convolved(x, weight, stride, dilation)

    @staticmethod
    def backward(ctx, grad: torch.Tensor):
        x, weight = ctx.saved_tensors
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:
            of_x = input_gradient(grad, x, weight, ctx.stride, ctx.dilation)
        if ctx.needs_input_grad[1]:
            of_weight = weight_gradient(grad, x, weight, ctx.stride, ctx.dilation)
        return of_x, of_weight, None, None


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


def _native_gradients(grad, x, weight, stride: int, dilation: int, *, wanted, column_padding: int | None = None):
    """torch's own gradients of the input and of the weights, each None unless wanted."""
    padding = dilation * (weight.shape[2] // 2)
    paddings = [padding, padding if column_padding is None else column_padding]
    return torch.ops.aten.convolution_backward(
        grad, x, weight, None, [stride] * 2, paddings, [dilation] * 2, False, [0, 0], x.shape[1], [*wanted, False]
    )[:2]


def _phases(x: torch.Tensor, d: int) -> torch.Tensor:
    """(B, C, H, W) to (d·d·B, C, ⌈H/d⌉, ⌈W/d⌉): every d-th pixel of every d-th row, from each of d × d beginnings;
    zeros stand for pixels beyond the edge."""
    x = F.pad(x, (0, -x.shape[3] % d, 0, -x.shape[2] % d)) if x.shape[2] % d or x.shape[3] % d else x
    x = x.unflatten(3, (-1, d)).unflatten(2, (-1, d))  # (B, C, H/d, d, W/d, d)
    x = x.permute(3, 5, 0, 2, 4, 1).flatten(0, 2)  # (d·d·B, H/d, W/d, C), copied
    return x.permute(0, 3, 1, 2)
