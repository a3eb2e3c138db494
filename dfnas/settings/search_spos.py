"""Settings of `search_spos` (Guo et al. 2020; section 3 and the code published with it)."""

from typing import ClassVar, Literal

from pydantic import model_validator

from dfnas.settings.base import Count, Fraction, NonNegative, Positive, Settings
from dfnas.settings.ranks import BreedingSettings, RanksSettings
from dfnas.settings.search import BudgetSettings, ImagesSettings, JudgingSettings


class MacsBinSettings(Settings):
    """The supernet's paths are drawn so that every bin of MACs is trained equally often."""

    low_m: NonNegative
    """Lower end of the first bin, in millions."""
    high_m: Positive
    """Upper end of the last bin, in millions."""
    width_m: Positive
    """Width of a bin, in millions."""
    draws: Count = 500
    """Uniform draws per path before the last one is taken as it is."""

    @model_validator(mode="after")
    def _ordered(self) -> "MacsBinSettings":
        if self.low_m + self.width_m > self.high_m:
            raise ValueError(f"low_m + width_m ({self.low_m} + {self.width_m}) must not exceed high_m ({self.high_m})")
        if abs(self.count - (self.high_m - self.low_m) / self.width_m) > 1e-6:
            raise ValueError(f"width_m ({self.width_m}) must divide {self.low_m} to {self.high_m} into whole bins")
        return self

    @property
    def count(self) -> int:
        """Number of bins."""
        return round((self.high_m - self.low_m) / self.width_m)


class EvolutionSettings(BreedingSettings):
    """The evolutionary search over paths of the trained supernet."""

    recalibration_batches: Count = 200
    """Training batches from which a candidate's BatchNorm statistics are computed anew."""
    recalibration_batch_size: Count = 128
    """Images in each of them."""


class SposSupernetSettings(ImagesSettings):
    """What of section `search_spos` trains the supernet."""

    steps: Count = 150_000
    """Steps of supernet training."""
    lr: Positive = 0.5
    """Peak learning rate; falls linearly to zero, step by step."""
    momentum: Fraction = 0.9
    """Momentum."""
    weight_decay: NonNegative = 4e-5
    """L2 penalty on weights; normalisation layers and biases have none."""
    label_smoothing: Fraction = 0.1
    """Share of the target spread evenly over all classes."""
    clip_norm: NonNegative = 0.0
    """Upper bound of the gradient's norm; 0 for none, as published."""
    sampling: Literal["uniform", "strict"] = "uniform"
    """Which paths a step trains: `uniform`, one, drawn uniformly, as published; `strict`, as many as the largest choice
    has options, so that each option of a choice is in one of them, whose gradients are summed (FairNAS, Chu et al.
    2021)."""
    macs_bins: MacsBinSettings | None = None
    """Bins of MACs for the sampling of uniform paths."""

    @model_validator(mode="after")
    def _one_sampling(self) -> "SposSupernetSettings":
        if self.sampling == "strict" and self.macs_bins is not None:
            raise ValueError(
                "sampling = strict and macs_bins exclude each other; set macs_bins to null, or sampling to uniform"
            )
        return self


class SearchSposSettings(SposSupernetSettings, JudgingSettings):
    """Section `search_spos`."""

    supernet_type: ClassVar[type[ImagesSettings] | None] = SposSupernetSettings

    evolution: EvolutionSettings = EvolutionSettings()
    """The evolutionary search."""
    ranks: RanksSettings | None = None
    """What ranks candidates together with what `judge_by` says of them. Null leaves it at that, as published."""
    budget: BudgetSettings = BudgetSettings(max_macs_m=330.0)
    """What a candidate may cost at most."""
