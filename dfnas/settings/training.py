"""Settings of a training run, shared by the stand-in teacher and by `retrain`."""

from pydantic import model_validator

from dfnas.settings.base import Count, CountOrZero, Flag, Fraction, Integer, NonNegative, Settings
from dfnas.settings.descent import DescentSettings
from dfnas.settings.labels import LabelSettings


class AugmentationSettings(Settings):
    """What happens to a training image before a network sees it."""

    pad: CountOrZero = 4
    """Zero pixels added on each side of the stored image before the random crop."""
    flip: Flag = True
    """Mirror half of the images left to right. Off where mirror images change class (digits)."""
    cutout: CountOrZero = 0
    """Side in pixels of a square set to the mean (DeVries and Taylor 2017); 0 for none."""


class TrainingSettings(DescentSettings):
    """Stochastic gradient descent from fresh weights."""

    epochs: Count = 600
    """Passes over the training images."""
    batch_size: Count = 96
    """Images per step; the rest of an epoch that does not fill a batch is left to the next shuffle."""
    warmup_epochs: NonNegative = 0.0
    """Epochs over which the learning rate rises linearly to its peak."""
    augmentation: AugmentationSettings = AugmentationSettings()
    """What happens to a training image."""

    @model_validator(mode="after")
    def _warmup_fits(self) -> "TrainingSettings":
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs ({self.warmup_epochs}) must be below epochs ({self.epochs})")
        return self


class PretrainTeacherSettings(TrainingSettings):
    """Section `pretrain_teacher`: the stand-in for the user's checkpoint."""

    seed: Integer = 0
    """Seed of weights, order and augmentation."""


class RetrainSettings(TrainingSettings, LabelSettings):
    """Section `retrain`: a found architecture trained from scratch (DARTS, section 3.1, for the defaults)."""

    auxiliary_weight: NonNegative = 0.4
    """Weight of the auxiliary head's loss, where the network has one."""
    drop_path: Fraction = 0.2
    """Probability of dropping a path at the last epoch; it rises linearly from zero."""
