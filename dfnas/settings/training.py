"""Settings of a training run, shared by the stand-in teacher and by `retrain`."""

from typing import Literal

from pydantic import model_validator

from dfnas.settings.base import Count, CountOrZero, Flag, Fraction, Integer, NonNegative, Positive, Settings


class AugmentationSettings(Settings):
    """What happens to a training image before a network sees it."""

    pad: CountOrZero = 4
    """Zero pixels added on each side of the stored image before the random crop."""
    flip: Flag = True
    """Mirror half of the images left to right. Off where mirror images change class (digits)."""
    cutout: CountOrZero = 0
    """Side in pixels of a square set to the mean (DeVries and Taylor 2017); 0 for none."""


class TrainingSettings(Settings):
    """Stochastic gradient descent from fresh weights."""

    epochs: Count = 600
    """Passes over the training images."""
    batch_size: Count = 96
    """Images per step; the rest of an epoch that does not fill a batch is left to the next shuffle."""
    lr: Positive = 0.025
    """Peak learning rate."""
    schedule: Literal["cosine", "linear"] = "cosine"
    """How the learning rate falls to zero, step by step, after the warm-up."""
    warmup_epochs: NonNegative = 0.0
    """Epochs over which the learning rate rises linearly to its peak."""
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
    augmentation: AugmentationSettings = AugmentationSettings()
    """What happens to a training image."""

    @model_validator(mode="after")
    def _warmup_fits(self) -> "TrainingSettings":
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs ({self.warmup_epochs}) must be below epochs ({self.epochs})")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class PretrainTeacherSettings(TrainingSettings):
    """Section `pretrain_teacher`: the stand-in for the user's checkpoint."""

    seed: Integer = 0
    """Seed of weights, order and augmentation."""


class RetrainSettings(TrainingSettings):
    """Section `retrain`: a found architecture trained from scratch (DARTS, section 3.1, for the defaults)."""

    auxiliary_weight: NonNegative = 0.4
    """Weight of the auxiliary head's loss, where the network has one."""
    drop_path: Fraction = 0.2
    """Probability of dropping a path at the last epoch; it rises linearly from zero."""
