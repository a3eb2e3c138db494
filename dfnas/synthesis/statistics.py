"""The statistics that the teacher remembers of its training data, and how far those of a batch are from them.

Paper section 3; DeepInversion (Yin et al. 2020), equation 4; release, Image_Synthesis/train.py:29-38.

Shapes: B batch, C channels, H W sides, N = B·H·W, L layers, ΣC all layers' channels in a row.
"""

from typing import Any, Literal

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from dfnas.classifiers.norms import sees_images, statistics_of
from dfnas.runtime.errors import InputError

Distance = Literal["norm", "squared", "kl"]
Scale = Literal["sum", "relative"]


class ChannelMoments(torch.autograd.Function):
    """Mean and biased variance of every channel over batch and space, with their gradient written out.

    Given the gradients g to the mean and h to the variance, that to x is (2h/N)·x + (g - 2h·mean)/N: affine per
    channel, one pass over x, where autograd would take several and keep copies.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        count = x.numel() // x.shape[1]
        values = x if x.dtype in (torch.float32, torch.float64) else x.float()  # bf16 sums lose the digits
        if x.device.type == "cpu":
            # E[x²] - E[x]² from plain sums: var_mean takes 20 times as long on a CPU, and BatchNorm inputs have
            # means of the size of their deviations, so that little cancels (ten times as large: 2e-5 of the variance).
            mean = values.sum((0, 2, 3)) / count
            variance = (values * values).sum((0, 2, 3)) / count - mean * mean
        else:
            variance, mean = torch.var_mean(values, (0, 2, 3), correction=0)
        ctx.save_for_backward(x, mean)
        return mean, variance

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, from_mean: torch.Tensor, from_variance: torch.Tensor) -> torch.Tensor:
        x, mean = ctx.saved_tensors
        count = x.numel() // x.shape[1]
        slope = 2 * from_variance / count
        offset = from_mean / count - slope * mean
        per_channel = (1, -1, 1, 1)
        return torch.addcmul(offset.to(x.dtype).view(per_channel), x, slope.to(x.dtype).view(per_channel))


def channel_moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and biased variance of every channel of (B, C, H, W): two tensors (C,), float32 or float64."""
    return ChannelMoments.apply(x)


class FeatureStatistics:
    """How far the inputs of the BatchNorm layers are from what the layers remember.

    With D_l one of

        norm      ‖mean_l - μ_l‖₂ + ‖var_l - σ²_l‖₂                              (the publication)
        squared   ‖mean_l - μ_l‖₂² + ‖var_l - σ²_l‖₂²
        kl        Σ_c KL(N(mean_lc, var_lc) ‖ N(μ_lc, σ²_lc))

    the term is, at scale `sum`, Σ_l w_l D_l, which grows with the layers, their channels and (but for kl) the scale
    of their activations, so that every teacher needs a weight of its own. At scale `relative` it is the mean over
    the layers, and each part is divided by the same norm of what is remembered, ‖σ_l‖ and ‖σ²_l‖ (squared likewise;
    kl by the channels): it has no unit, and one weight serves all teachers.

    With `momentum` m > 0 the statistics compared are a running average over the steps: that of the first and second
    moments, m·(what was) + (1 - m)·(this batch), so that many small batches match as one large one would. The
    gradient is taken as if this batch were all of it: the batches averaged over are the same images seen before.

    A context: inside it every forward pass of the network is measured, and `loss()` gives the term for the latest
    one. On leaving, the layers are as they were. With weight 0 nothing is hooked and the term is 0.

    Args:
        layers: BatchNorm layers with running statistics, or frozen ones; w_0 is `first_multiplier`, all others 1.
        weight: the weight that the caller gives to the term.

    Raises:
        InputError: there is no such layer, and the weight is above 0.
    """

    def __init__(
        self,
        layers: list[nn.Module],
        weight: float,
        first_multiplier: float = 1.0,
        distance: Distance = "norm",
        scale: Scale = "sum",
        momentum: float = 0.0,
    ):
        if weight > 0 and not layers:
            raise InputError(
                "the teacher has no BatchNorm layer with running statistics for the feature term to aim at (a network "
                "with LayerNorm or GroupNorm keeps none); set invert_teacher.feature_weight to 0 to go without"
            )
        self._layers = layers if weight > 0 else []
        self._first_multiplier, self._distance, self._scale = first_multiplier, distance, scale
        self._momentum = momentum
        self._seen: list[tuple[int, torch.Tensor, torch.Tensor]] = []
        self._hooks: list[RemovableHandle] = []
        self._remembered: dict[tuple[int, ...], _Remembered] = {}

    def __enter__(self) -> "FeatureStatistics":
        assert not self._hooks, "entered twice: each pass would be measured twice"
        for place, layer in enumerate(self._layers):
            hook = layer.register_forward_pre_hook(lambda _, inputs, p=place: self._measure(p, inputs))
            self._hooks.append(hook)
        return self

    def __exit__(self, *error: object) -> None:
        while self._hooks:
            self._hooks.pop().remove()
        self.forget()

    def forget(self) -> None:
        """Drops what the forward passes since the last `loss()` have left."""
        self._seen = []

    def _measure(self, place: int, inputs: tuple[torch.Tensor]) -> None:
        if sees_images(self._layers[place], inputs[0]):  # a SyncBatchNorm may stand behind a linear layer
            self._seen.append((place, *channel_moments(inputs[0])))

    def loss(self, average: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The term for the forward passes since the last call, to be asked once after each pass.

        Args:
            average: the running first and second moments (2, ΣC) after the step before, if there is a momentum.

        Returns:
            The term, a scalar, and the moments after this step, None without momentum.
        """
        seen, self._seen = self._seen, []
        if not seen:
            if self._layers:
                raise InputError(
                    "the teacher has BatchNorm layers with running statistics, but none of them runs on an image; set "
                    "invert_teacher.feature_weight to 0 to go without them"
                )
            return torch.zeros(()), None
        order = tuple(place for place, _, _ in seen)  # not every layer need run, and some run twice
        remembered = self._remembered.get(order) or self._remember(order)
        mean, variance = torch.cat([mean for _, mean, _ in seen]), torch.cat([variance for _, _, variance in seen])
        if self._momentum:
            mean, variance, average = self._averaged(mean, variance, average)
        return remembered.distance(mean, variance, self._distance), average

    def _remember(self, order: tuple[int, ...]) -> "_Remembered":
        layers = [self._layers[place] for place in order]
        multipliers = [self._first_multiplier if place == 0 else 1.0 for place in order]
        self._remembered[order] = _Remembered(layers, multipliers, self._distance, self._scale)
        return self._remembered[order]

    def _averaged(
        self, mean: torch.Tensor, variance: torch.Tensor, before: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        now = torch.stack([mean, variance + mean * mean])  # first and second moments
        average = now.detach() if before is None else before.lerp(now.detach(), 1 - self._momentum)
        first, second = now + (average - now.detach())  # the average's value, this batch's gradient
        return first, second - first * first, average


class _Remembered:
    """What some layers remember, in a row, and the distance from it: a few operations on (ΣC,) for all layers."""

    def __init__(self, layers: list[nn.Module], multipliers: list[float], distance: Distance, scale: Scale):
        means, variances = zip(*map(statistics_of, layers), strict=True)
        mean = torch.cat(means).detach()
        if mean.dtype not in (torch.float32, torch.float64):
            mean = mean.float()
        self.mean = mean  # (ΣC,)
        self.variance = torch.cat(variances).detach().to(mean.dtype)
        channels = list(map(len, means))
        place = torch.arange(len(layers), device=mean.device).repeat_interleave(torch.tensor(channels).to(mean.device))
        # (L, ΣC), 1 where a channel is of a layer: sums by layer as a product, added in one order everywhere.
        self.members = (place == torch.arange(len(layers), device=mean.device)[:, None]).to(mean.dtype)
        # Channels that never varied have nothing to divide by; a millionth of the layer's mean variance will do.
        layer_variance = (self.members @ self.variance) / self.members.sum(1)
        self.floor = (1e-6 * layer_variance).clamp_min(torch.finfo(mean.dtype).tiny)[place]
        self.factors = self._factors(distance, scale, multipliers, channels)  # (2, L)

    def _factors(self, distance: Distance, scale: Scale, multipliers: list[float], channels: list[int]) -> torch.Tensor:
        """What the mean's and the variance's part of each layer are multiplied by."""
        weights = self.mean.new_tensor(multipliers).expand(2, -1)
        if scale == "sum":
            return weights
        if distance == "kl":
            norms = self.mean.new_tensor(channels).expand(2, -1)
        else:
            norms = torch.stack([self.members @ self.variance, self.members @ self.variance**2])
            norms = torch.where(norms > 0, norms, 1.0)  # a dead layer, all of whose channels are constant
            norms = norms.sqrt() if distance == "norm" else norms
        return weights / (len(multipliers) * norms)

    def distance(self, mean: torch.Tensor, variance: torch.Tensor, kind: Distance) -> torch.Tensor:
        """The term at the given moments (ΣC,): a scalar."""
        from_mean, from_variance = mean - self.mean, variance - self.variance
        if kind == "kl":
            expected = self.variance + self.floor
            ratio = variance.clamp_min(0) + self.floor
            ratio = ratio / expected
            parts = 0.5 * torch.stack([from_mean**2 / expected, ratio - 1 - ratio.log()])
        else:
            parts = torch.stack([from_mean, from_variance]) ** 2
        sums = parts @ self.members.T  # (2, L)
        if kind == "norm":
            # The norm has no gradient at 0; clamped there, the direction is 0, not NaN.
            sums = sums.clamp_min(torch.finfo(sums.dtype).tiny).sqrt()
        return (self.factors * sums).sum()
