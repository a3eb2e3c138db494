"""Settings of a training run, shared by the stand-in teacher and by `retrain`."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from dfnas.settings.base import (
    Count,
    CountOrZero,
    Decay,
    Flag,
    Fraction,
    FractionPair,
    NonNegative,
    Number,
    PositivePair,
    Seed,
    Settings,
    as_flag,
)
from dfnas.settings.descent import DescentSettings, check_warmup
from dfnas.settings.labelling import LabelSettings
from dfnas.settings.recipes import Recipe, with_recipe

Flip = Annotated[
    bool | Literal["alternating"],
    BeforeValidator(
        lambda value: True if value == "random" else as_flag(value),
        json_schema_input_type=bool | Literal["random", "alternating"],
    ),
]


class JitterSettings(Settings):
    """Random colours of an image (torchvision's ColorJitter)."""

    brightness: NonNegative = 0.0
    """Largest change of the factor on brightness, from 1; 0 for none."""
    contrast: NonNegative = 0.0
    """The same of the contrast."""
    saturation: NonNegative = 0.0
    """The same of the saturation; without effect on images of one channel."""
    hue: Annotated[Number, Field(ge=0, le=0.5)] = 0.0
    """Largest turn of the hue in either direction, in shares of the whole circle; without effect on images of one
    channel."""

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return any((self.brightness, self.contrast, self.saturation, self.hue))


class AugmentationSettings(Settings):
    """What happens to a training image before a network sees it."""

    pad: CountOrZero = 4
    """Pixels added on each side of the stored image before the random crop."""
    padding: Literal["zeros", "reflect"] = "zeros"
    """What these pixels are: black, or the image mirrored at its edge, which is not repeated."""
    crop_area: FractionPair | None = None
    """Smallest and largest share of the stored image that a crop of random size takes, which is then resized to the
    input (Szegedy et al. 2015; 0.08 and 1 for ImageNet). `null` for crops of the input's size."""
    crop_aspect: PositivePair = (0.75, 1.3333)
    """Smallest and largest ratio of width to height of such a crop, relative to the input's."""
    jitter: JitterSettings = JitterSettings()
    """Random colours."""
    flip: Flip = True
    """Mirror images left to right: `true` or `random`, every view with probability one half; `alternating`, every image
    in every other pass over the data, half of them in the first (Jordan 2024, section 3.6). Off where mirror images
    change class (digits)."""
    cutout: CountOrZero = 0
    """Side in pixels of a square set to the mean (DeVries and Taylor 2017); 0 for none."""

    @model_validator(mode="after")
    def _crops_fit(self) -> "AugmentationSettings":
        for name in ("crop_area", "crop_aspect"):
            lowest, highest = getattr(self, name) or (1, 1)
            if not 0 < lowest <= highest:
                raise ValueError(f"{name} must be two numbers above 0 in rising order, not {lowest} and {highest}")
        if self.crop_area and self.crop_area[0] < 0.01:
            raise ValueError(f"crop_area must not be below 0.01 of the image, not {self.crop_area[0]}")
        if self.crop_area and self.pad:
            raise ValueError(f"crop_area takes parts of the stored image as it is; set pad to 0, not {self.pad}")
        return self


class AveragingSettings(Settings):
    """A running mean of the weights, BatchNorm's statistics included."""

    kind: Literal["none", "ema", "lookahead"] = "none"
    """`ema`: an exponential moving average beside the network, which is judged and saved in its place. `lookahead`: the
    network itself goes back to its average at every update (Zhang et al. 2019)."""
    every: Count = 1
    """Steps between updates."""
    decay: Decay = 0.9999
    """Share of the average that an update keeps. Of `ema`, the first updates keep less: at most (1 + n) / (10 + n)
    after n updates, lest the fresh weights weigh too much."""
    rise: NonNegative = 0.0
    """For `lookahead`: power of the share of the steps done with which `decay` rises from zero; 0 for none."""


class TrainingSettings(DescentSettings):
    """Stochastic gradient descent from fresh weights."""

    epochs: Count = 600
    """Passes over the training images."""
    batch_size: Count = 96
    """Images per step; the rest of an epoch that does not fill a batch is left to the next shuffle."""
    lr_batch_size: CountOrZero = 0
    """Batch size that `lr` is meant for: with another it is scaled in proportion (Goyal et al. 2017, section 2.1). 0
    takes `lr` as it stands."""
    warmup_epochs: NonNegative = 0.0
    """Epochs over which the learning rate rises linearly to its peak."""
    augmentation: AugmentationSettings = AugmentationSettings()
    """What happens to a training image."""
    mixup: NonNegative = 0.0
    """α of the Beta distribution by which two images and their targets are blended (Zhang et al. 2018); 0 for none. A
    teacher that labels views is asked about the mixed ones."""
    cutmix: NonNegative = 0.0
    """α of the Beta distribution by which a rectangle of an image, and its share of the target, is another's (Yun et
    al. 2019); 0 for none. With `mixup` as well, every batch has one of the two, each with probability one half."""
    averaging: AveragingSettings = AveragingSettings()
    """A running mean of the weights."""

    @property
    def peak_lr(self) -> float:
        return self.lr * self.batch_size / self.lr_batch_size if self.lr_batch_size else self.lr

    @model_validator(mode="after")
    def _warmup_fits(self) -> "TrainingSettings":
        check_warmup(self.warmup_epochs, self.epochs, self.schedule, "epochs")
        return self


class PretrainTeacherSettings(TrainingSettings):
    """Section `pretrain_teacher`: the stand-in for the user's checkpoint."""

    seed: Seed = 0
    """Seed of weights, order and augmentation."""


FRESH_IMAGES = "dfnas.synthesis.fresh_images:WithFreshImages"
"""What makes them, loaded by name: a training that makes no images does not depend on how they would be made."""


class FreshSettings(Settings):
    """New synthetic images during a training, made as those of the data set were, in place of the oldest."""

    every_epochs: CountOrZero = 0
    """Epochs between them; 0 for none. There are none after the last."""
    batches: Count = 1
    """Batches that are made each time, of `invert_teacher.batch_size` images."""
    competition_weight: NonNegative = 0.0
    """What `invert_teacher.competition_weight` is for them, with the network that learns as competitor: above 0, they
    are such as the teacher knows and the network does not (Adaptive DeepInversion)."""

    def rounds(self, epochs: int) -> int:
        """How often images are made in a training of so many epochs: not after the last."""
        return (epochs - 1) // self.every_epochs if self.every_epochs else 0


class RetrainSettings(TrainingSettings, LabelSettings):
    """Section `retrain`: a found architecture trained from scratch (DARTS, section 3.1, for the defaults)."""

    recipe: Recipe | None = None
    """A published way to train, by name: `darts_cifar`, `mobile_imagenet` or `quick`. It says what the keys beside it
    do not (docs/training.md)."""
    auxiliary_weight: NonNegative = 0.4
    """Weight of the auxiliary head's loss, where the network has one."""
    drop_path: Fraction = 0.2
    """Probability of dropping a path at the last epoch; it rises linearly from zero."""
    sync_batch_norm: Flag = False
    """With several GPUs: BatchNorm takes its statistics over the whole batch, and not over each GPU's share."""
    fresh: FreshSettings = FreshSettings()
    """New images during the training, on synthetic data."""

    @model_validator(mode="before")
    @classmethod
    def _lay_over_recipe(cls, values: Any) -> Any:
        return with_recipe(values)

    @model_validator(mode="after")
    def _fresh_images_have_labels(self) -> "RetrainSettings":
        if self.fresh.every_epochs and self.labels != "teacher":
            raise ValueError(
                f"fresh.every_epochs needs labels = teacher, not {self.labels}: images made during the training "
                "have no stored labels"
            )
        return self

    @model_validator(mode="after")
    def _classes_have_no_temperature(self) -> "RetrainSettings":
        if self.labels == "hard" and self.temperature != 1:
            raise ValueError(
                f"labels = hard needs temperature = 1, not {self.temperature:g}: classes are the same at every "
                "temperature, and the gradient of a loss times its square would be that many times as large"
            )
        return self
