"""Settings of stochastic gradient descent, shared by everything that trains a single network."""

from typing import Literal

from pydantic import model_validator

from dfnas.settings.base import Flag, Fraction, NonNegative, Positive, Settings


class DescentSettings(Settings):
    """The optimiser, its learning rate, and the loss."""

    lr: Positive = 0.025
    """Peak learning rate."""
    schedule: Literal["cosine", "linear"] = "cosine"
    """How the learning rate falls to zero, step by step, after the warm-up."""
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

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> "DescentSettings":
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self
