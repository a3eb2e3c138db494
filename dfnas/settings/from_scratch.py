"""What searches without a supernet share: how each candidate network is trained before it is scored."""

from typing import Literal

from pydantic import model_validator

from dfnas.settings.base import Count, CountOrZero, Flag, Fraction, NonNegative, Positive
from dfnas.settings.search import SearchSettings


class FromScratchSettings(SearchSettings):
    """Every candidate is the space's final network, trained from fresh weights for the same number of steps."""

    steps: Count = 2000
    """Training steps of a candidate."""
    lr: Positive = 0.025
    """Peak learning rate."""
    schedule: Literal["cosine", "linear"] = "cosine"
    """How the learning rate falls to zero, step by step, after the warm-up."""
    warmup_steps: CountOrZero = 0
    """Steps over which the learning rate rises linearly to its peak."""
    momentum: Fraction = 0.9
    """Momentum of the optimiser."""
    nesterov: Flag = False
    """Nesterov's form of momentum."""
    weight_decay: NonNegative = 3e-4
    """L2 penalty on weights."""
    decay_norms_and_biases: Flag = True
    """Whether the penalty includes normalisation layers and biases."""
    clip_norm: NonNegative = 5.0
    """Upper bound of the gradient's norm; 0 for none."""
    label_smoothing: Fraction = 0.0
    """Share of the target spread evenly over all classes."""
    auxiliary_weight: NonNegative = 0.4
    """Weight of the auxiliary head's loss, where the network has one."""

    @model_validator(mode="after")
    def _descent_can_be(self) -> "FromScratchSettings":
        if self.warmup_steps >= self.steps:
            raise ValueError(f"warmup_steps ({self.warmup_steps}) must be below steps ({self.steps})")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self
