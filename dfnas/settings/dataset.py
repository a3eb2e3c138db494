"""Settings of the data sets: the synthetic one and, where allowed, the original."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dfnas.runtime.paths import expanded
from dfnas.settings.base import Count, CountOrZero, Number, Seed, Settings, Size, Temperature
from dfnas.settings.normalisation import Deviations, Means

ProperFraction = Annotated[Number, Field(gt=0, lt=1)]


class SynthesisSettings(Settings):
    """Section `synthesis`: how much is made and in how many jobs; what a batch becomes is not decided here."""

    generations: Count = 10
    """Generations of images: the first with hard targets, the others with the labels of the one before."""
    images: Count = 1000
    """Images per generation."""
    shards: Count = 8
    """Jobs that share a generation. The images do not depend on it."""


class CalibrateLabelsSettings(Settings):
    """Section `calibrate_labels`: the teacher labels what was made."""

    batch_size: Count = 256
    """Images that the teacher labels at once."""
    temperature: Temperature = 1.0
    """What the teacher's logits are divided by: above 1, labels and the next generation's targets are softer."""
    at_chance: Literal["stop", "go_on"] = "stop"
    """What to do where the teacher sees in a generation's images what they were made for hardly more often than by
    chance, so that nothing that learns from them can be of use. The run stops where the agreement is surely (99 %)
    less than a tenth of the way from chance to all images, or goes on with a warning. Images that took no step
    (`invert_teacher.stages: []`) are not asked."""


class ShardDatasetSettings(Settings):
    """Section `shard_dataset`: the synthetic data set over all generations."""

    validation_fraction: ProperFraction = 0.1
    """Share of every class held out from training, for architecture steps and scores."""
    seed: Seed = 0
    """Seed of the split."""


class ShardOriginalSettings(Settings):
    """Section `shard_original`: the original data set, for the rows of the comparison that use it."""

    source: Literal["digits", "npz", "cifar10", "folder", "none"] = "digits"
    """`digits` (scikit-learn's handwritten digits), `npz` (x_train, y_train, x_test, y_test), `cifar10`
    (torchvision, downloaded into path), `folder` (train/ and test/ with one folder per class) or `none`: there are no
    original images. A file that names a `teacher.builder` and its `weights`, and says nothing here, has none."""
    path: str | None = None
    """File or folder of the source; `~` and environment variables are expanded. Not for digits and none."""
    size: Size = (32, 32)
    """Pixels to which images are resized: the side of a square, or [height, width]."""
    mean: Means = (0.485, 0.456, 0.406)
    """Normalisation of pixels in [0, 1], per channel; its length is the number of channels."""
    std: Deviations = (0.229, 0.224, 0.225)
    """Normalisation, per channel."""
    test_fraction: ProperFraction = 0.2
    """Share of every class held out as test images, where the source has no test images of its own."""
    validation_fraction: ProperFraction = 0.1
    """Share of every class of the training images held out, for architecture steps and scores."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes in the order of their numbers: a `folder` has them in natural order (0, 1, 2, 10), which
    need not be that of the teacher's logits. By default `teacher.class_names`. Where none is among the names that the
    source has, the order stays."""
    limit: CountOrZero = 0
    """Training images to keep, evenly over the classes; 0 for all."""
    shards: Count = 1
    """Files over which the images are spread."""
    seed: Seed = 0
    """Seed of the splits."""

    def place(self) -> Path:
        """Where the images are. Raises InputError where a variable in it is not set."""
        return Path(expanded(self.path or "", "shard_original.path"))

    @model_validator(mode="after")
    def _complete(self) -> "ShardOriginalSettings":
        if self.source not in ("digits", "none") and not self.path:
            raise ValueError(f"source '{self.source}' needs a path")
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean has {len(self.mean)} values and std {len(self.std)}, expected one per channel")
        return self
