"""Settings of what judges the synthetic images."""

from typing import Any

from pydantic import Field

from dfnas.settings.base import Count, Seed, Settings
from dfnas.settings.training import TrainingSettings


class AssessImagesSettings(Settings):
    """Section `assess_images`: each generation judged without original images."""

    batch_size: Count = 256
    """Images per forward pass. The figures do not depend on it."""
    columns: Count = 10
    """Images of a class in a generation's picture."""
    rows: Count = 32
    """Classes in it; where there are more, evenly chosen ones."""


class JudgeImagesSettings(TrainingSettings):
    """Section `judge_images`: the images judged by original test images, for evaluation only; what a small student
    learns from them, trained as `retrain` trains, and how far they are from the originals. Done where
    `comparison.judge_images` says so."""

    builder: str = "dfnas.cifar_resnet:cifar_resnet"
    """What builds the student: `torchvision:resnet18`, `module:callable` or `file.py:callable`."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the builder."""
    seed: Seed = 0
    """Seed of weights, order and augmentation."""
    features_batch_size: Count = 256
    """Images per forward pass where nothing is trained."""
