"""The mixer of DARTS: the sum of a slot's options, weighted by softmax(α) (Liu et al. 2019, equation 2).

Most options of its supernets begin with a ReLU and end in a BatchNorm without weights. Written down as it stands, the
sum applies the same ReLU to the same input several times and keeps, for the backward pass, the output of every option
before its BatchNorm and after it. Here the ReLU is applied once, and the BatchNorms are part of the weighted sum: of

    y = Σ_o w_o (x_o - mean_o) / σ_o

only the x_o are kept. The gradient of w_o is what BatchNorm's backward pass sums up anyway for a scale, ⟨∂L/∂y, x̂_o⟩.

Shapes: B batch, C channels, H W space, O options.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from dfnas.runtime.transfers import constant
from dfnas.search.side_by_side import is_plain_norm, mixtures
from dfnas.spaces.cell_operations import Zero
from dfnas.spaces.slot import Slot


class SoftmaxMixture:
    """Σ_o softmax(α)_o · option_o(x). `weights` are the softmaxed α of every choice, (O,) each."""

    weights: dict[str, torch.Tensor]

    def __init__(self) -> None:
        self.ready: dict[Slot, torch.Tensor] = {}  # of slots that are about to be asked

    def ahead(self, slots: Sequence[Slot], x: torch.Tensor) -> None:
        """See `announce`. A CPU gains nothing by it: there each slot is computed when it is asked."""
        if x.device.type != "cpu":
            self.prepare(slots, x)

    def prepare(self, slots: Sequence[Slot], x: torch.Tensor) -> None:
        """Computes slots of the same form at once, from the input that they will be run on."""
        weights = torch.stack([self.weights[slot.choice] for slot in slots])
        self.ready |= zip(slots, mixtures(slots, weights, x), strict=True)

    def __call__(self, slot: Slot, x: torch.Tensor) -> torch.Tensor:
        if slot in self.ready:
            return self.ready.pop(slot)
        weights, rectified, total = self.weights[slot.choice].unbind(), None, None
        unscaled: list[tuple[torch.Tensor, torch.Tensor, nn.BatchNorm2d]] = []
        for weight, layers in zip(weights, slot.layers, strict=True):
            first, last = layers[0], layers[-1]
            if isinstance(first, Zero) and len(slot.options) > 1:
                continue
            if type(first) is nn.ReLU and not first.inplace and len(layers) > 1:
                rectified = F.relu(x) if rectified is None else rectified
                inner, layers = rectified, layers[1:]
            else:
                inner = x
            if len(layers) > 1 and is_plain_norm(last):
                for layer in layers[:-1]:
                    inner = layer(inner)
                unscaled.append((weight, inner, last))
            else:
                for layer in layers:
                    inner = layer(inner)
                total = weight * inner if total is None else total + weight * inner
        if unscaled:
            summed = _normalised_sum(unscaled)
            total = summed if total is None else total + summed
        assert total is not None, "a slot has options other than Zero, or that one alone"
        return total


def _normalised_sum(unscaled: Sequence[tuple[torch.Tensor, torch.Tensor, nn.BatchNorm2d]]) -> torch.Tensor:
    """Σ_o w_o · norm_o(x_o), (B, C, H, W), from w_o (), x_o (B, C, H, W) and norm_o; running statistics are updated."""
    with torch.no_grad():
        means, variances = [], []
        for _, x, norm in unscaled:
            assert norm.momentum is not None, "see `is_plain_norm`"
            assert norm.num_batches_tracked is not None
            mean, variance = torch.batch_norm_update_stats(x, norm.running_mean, norm.running_var, norm.momentum)
            norm.num_batches_tracked += 1
            means.append(mean)
            variances.append(variance)
        epsilons = constant(tuple(norm.eps for _, _, norm in unscaled), variances[0].device)
        inverses = torch.stack(variances).add_(epsilons[:, None]).rsqrt_()
    weights = torch.stack([weight for weight, _, _ in unscaled])
    return _NormalisedSum.apply(weights, torch.stack(means), inverses, *(x for _, x, _ in unscaled))


class _NormalisedSum(torch.autograd.Function):
    """Of weights (O,), of the means (O, C) and 1/σ (O, C) of each x over (B, H, W), and of the x (B, C, H, W)."""

    @staticmethod
    def forward(
        ctx: Any, weights: torch.Tensor, means: torch.Tensor, inverses: torch.Tensor, *tensors: torch.Tensor
    ) -> torch.Tensor:
        scales = weights[:, None] * inverses
        first, *others = scales.view(*scales.shape, 1, 1)
        total = torch.addcmul(_per_channel((scales * means).sum(0).neg_()), tensors[0], first)
        for x, scale in zip(tensors[1:], others, strict=True):
            total.addcmul_(x, scale)
        ctx.save_for_backward(weights, means, inverses, *tensors)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        weights, means, inverses, *tensors = ctx.saved_tensors
        count = grad.numel() // grad.shape[1]  # B·H·W
        summed = grad.sum((0, 2, 3))  # (C,)
        products = torch.stack([(grad * x).sum((0, 2, 3)) for x in tensors])  # (O, C)
        by_channel = inverses * (products - means * summed)  # ⟨∂L/∂y, x̂_o⟩
        # ∂L/∂x_o = w/σ (g - Σg/n - x̂ ⟨g, x̂⟩/n), as a·g + b·x + c with coefficients for each channel.
        a = weights[:, None] * inverses
        b = a * inverses * by_channel / -count
        c = a * summed / -count - b * means
        by_option = (values.view(*values.shape, 1, 1) for values in (a, b, c))
        of_tensors = [
            torch.addcmul(c_o, x, b_o).addcmul_(grad, a_o) for x, a_o, b_o, c_o in zip(tensors, *by_option, strict=True)
        ]
        return by_channel.sum(1), None, None, *of_tensors


def _per_channel(values: torch.Tensor) -> torch.Tensor:
    return values.view(1, -1, 1, 1)
