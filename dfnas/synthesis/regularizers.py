"""What keeps inverted images natural: smoothness, small norms, and the statistics the teacher remembers.

Paper section 3; release, Image_Synthesis/train.py:155-164; the terms are DeepInversion's (Yin et al. 2020,
equations 2 to 4).

Shapes: B batch, C channels, H W sides, N = B·H·W.
"""

from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.linalg import vector_norm

from dfnas.runtime.errors import InputError


def total_variation(images: torch.Tensor) -> torch.Tensor:
    """The sum of the L2 norms of the differences between neighbours: to the right, below, and on both diagonals.

    Each norm runs over the whole batch, as in the release: the term grows with the square root of B.

    Args:
        images: (B, C, H, W), in the teacher's normalised space.

    Returns:
        A scalar; its gradient is finite (zero) where all neighbours are equal.
    """
    right = images[:, :, :, 1:] - images[:, :, :, :-1]
    below = images[:, :, 1:, :] - images[:, :, :-1, :]
    below_right = images[:, :, 1:, 1:] - images[:, :, :-1, :-1]
    below_left = images[:, :, 1:, :-1] - images[:, :, :-1, 1:]
    return vector_norm(right) + vector_norm(below) + vector_norm(below_right) + vector_norm(below_left)


def image_norm(images: torch.Tensor) -> torch.Tensor:
    """The L2 norm of an image (C, H, W), averaged over the batch: a scalar."""
    return vector_norm(images, dim=(1, 2, 3)).mean()


def channel_moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and biased variance of every channel, over batch and space.

    On a CPU from plain sums, E[x²] - E[x]²: `var_mean` takes 20 times as long there, and BatchNorm inputs have
    means of the size of their deviations, so that little cancels.

    Args:
        x: (B, C, H, W), float32 or float64.

    Returns:
        Two tensors (C,).
    """
    if x.device.type != "cpu":
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        return mean, variance
    count = x.numel() // x.shape[1]
    mean = x.sum((0, 2, 3)) / count
    return mean, (x * x).sum((0, 2, 3)) / count - mean * mean


class StatisticsDistance(torch.autograd.Function):
    """a ‖mean - μ‖₂ + b ‖var - σ²‖₂ of one layer's input, with its gradient written out.

    With d = a (mean - μ)/‖mean - μ‖ and e = b (var - σ²)/‖var - σ²‖ the gradient to x is
    (2e/N)·x + (d - 2e·mean)/N: affine per channel, one pass over x, where autograd would take several and keep
    copies.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, running_mean: torch.Tensor, running_var: torch.Tensor, a: float, b: float
    ) -> torch.Tensor:
        values = x if x.dtype in (torch.float32, torch.float64) else x.float()  # bf16 sums lose the digits
        mean, variance = channel_moments(values)
        from_mean, from_variance = mean - running_mean, variance - running_var
        mean_distance, variance_distance = vector_norm(from_mean), vector_norm(from_variance)
        # The norm has no gradient at 0; with the smallest divisor the direction there is 0, not NaN.
        tiny = torch.finfo(mean.dtype).tiny
        count = x.numel() // x.shape[1]
        slope = from_variance / variance_distance.clamp_min(tiny) * (2 * b / count)  # (C,)
        offset = from_mean / mean_distance.clamp_min(tiny) * (a / count) - slope * mean
        ctx.save_for_backward(x, slope, offset)
        return a * mean_distance + b * variance_distance

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None, None, None]:
        x, slope, offset = ctx.saved_tensors
        per_channel = (1, -1, 1, 1)
        slope, offset = (gradient * slope).to(x.dtype), (gradient * offset).to(x.dtype)
        return torch.addcmul(offset.view(per_channel), x, slope.view(per_channel)), None, None, None, None


class FeatureStatistics:
    """How far the inputs of the BatchNorm layers are from what the layers remember.

    `sum` (the publication): Σ_l w_l (‖mean_l - μ_l‖₂ + ‖var_l - σ²_l‖₂), which grows with the layers, their channels
    and the scale of their activations, so that every teacher needs a weight of its own. `relative`:
    1/L Σ_l w_l (‖mean_l - μ_l‖₂ / ‖σ_l‖₂ + ‖var_l - σ²_l‖₂ / ‖σ²_l‖₂), which has no scale: about 1.8 for noise and
    0.27 for real images on CIFAR-10, for a ResNet-20 and a ResNet-56 alike.

    A context: inside it every forward pass of the network is measured, and `loss()` gives the sum for the
    latest one. On leaving, the layers are as they were. With weight 0 nothing is hooked and the sum is 0.

    Args:
        layers: BatchNorm layers with running statistics; w_0 is `first_multiplier`, all others 1.
        weight: the weight that the caller gives to the sum.
        relative: which of the two.

    Raises:
        InputError: there is no such layer, and the weight is above 0.
    """

    def __init__(self, layers: list[nn.BatchNorm2d], weight: float, first_multiplier: float, relative: bool = False):
        if weight > 0 and not layers:
            raise InputError(
                "the teacher has no BatchNorm layer with running statistics for the feature term to aim at; "
                "set invert_teacher.feature_weight to 0 to go without"
            )
        self._layers = layers if weight > 0 else []
        self._factors = {  # of the mean's and of the variance's distance
            layer: tuple(
                (first_multiplier if place == 0 else 1.0) * factor
                for factor in (_relative_factors(layer, len(layers)) if relative else (1.0, 1.0))
            )
            for place, layer in enumerate(self._layers)
        }
        self._terms: list[torch.Tensor] = []
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> "FeatureStatistics":
        self._handles = [layer.register_forward_pre_hook(self._measure) for layer in self._layers]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._terms = []

    def _measure(self, layer: nn.BatchNorm2d, inputs: tuple[torch.Tensor]) -> None:
        factors = self._factors[layer]
        self._terms.append(StatisticsDistance.apply(inputs[0], layer.running_mean, layer.running_var, *factors))

    def loss(self) -> torch.Tensor | float:
        """The sum for the forward passes since the last call: a scalar, to be asked once after each pass."""
        terms, self._terms = self._terms, []
        return torch.stack(terms).sum() if terms else 0.0


def _relative_factors(layer: nn.BatchNorm2d, layers: int) -> tuple[float, float]:
    """1 / (L ‖σ‖₂) and 1 / (L ‖σ²‖₂); a dead layer, all of whose channels are constant, counts as of scale 1."""
    variance = layer.running_var.double()
    deviation_norm, variance_norm = (vector_norm(v).item() or 1.0 for v in (variance.sqrt(), variance))
    return 1 / (layers * deviation_norm), 1 / (layers * variance_norm)
