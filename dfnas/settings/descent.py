"""Settings of stochastic gradient descent, shared by everything that trains a single network."""

from typing import Literal

from pydantic import model_validator

from dfnas.settings.base import Flag, Fraction, NonNegative, Positive, Settings

Precision = Literal["float32", "bfloat16"]


class OneCycleSettings(Settings):
    """The learning rate of `schedule: one_cycle`, in shares of its peak: up and down on straight lines (Smith and Topin
    2017). The defaults are those of cifar10-airbench (legacy/airbench94.py, `get_lr`)."""

    peak: Fraction = 0.23
    """Share of all steps after which the learning rate is highest."""
    start: Fraction = 0.2
    """Where it begins."""
    end: Fraction = 0.07
    """Where it ends."""


class DescentSettings(Settings):
    """The optimiser, its learning rate, and the loss."""

    lr: Positive = 0.025
    """Peak learning rate."""
    schedule: Literal["cosine", "linear", "one_cycle"] = "cosine"
    """How the learning rate falls to zero, step by step, after the warm-up; `one_cycle` has its rise and its end in a
    section of its own."""
    one_cycle: OneCycleSettings = OneCycleSettings()
    """The rise and the fall of `one_cycle`."""
    precision: Precision = "float32"
    """Of a network's forward and backward pass in training, and of the teacher's where it is asked about views:
    `bfloat16` computes convolutions and products in it, by autocast. Weights, sums over them, the loss and every
    judgement stay in float32."""
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

    @property
    def peak_lr(self) -> float:
        """The learning rate that the schedule scales."""
        return self.lr

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> "DescentSettings":
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self


def check_warmup(warmup: float, whole: int, schedule: str, unit: str) -> None:
    """Raises ValueError where a warm-up leaves no room for what follows it, or the schedule has a rise of its own.

    Args:
        unit: of both, `steps` or `epochs`.
    """
    if warmup >= whole:
        raise ValueError(f"warmup_{unit} ({warmup}) must be below {unit} ({whole})")
    if warmup and schedule == "one_cycle":
        raise ValueError(f"warmup_{unit} ({warmup}) must be 0 with schedule one_cycle, which rises to one_cycle.peak")
