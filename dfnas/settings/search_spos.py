"""Settings of `search_spos` (Guo et al. 2020; section 3 and the code published with it)."""

from typing import ClassVar

from pydantic import model_validator

from dfnas.settings.base import Count, Fraction, NonNegative, Positive, Seed, Settings
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


class EvolutionSettings(Settings):
    """The evolutionary search over paths of the trained supernet."""

    generations: Count = 20
    """Generations, the random first one included."""
    population: Count = 50
    """Candidates per generation."""
    parents: Count = 10
    """Best candidates of all generations, from which the next is bred."""
    crossover: Count = 25
    """Candidates per generation that come from two parents."""
    mutation: Count = 25
    """Candidates per generation that come from one parent."""
    mutation_probability: Fraction = 0.1
    """Probability that a choice of the parent is drawn anew."""
    recalibration_batches: Count = 200
    """Training batches from which a candidate's BatchNorm statistics are computed anew."""
    recalibration_batch_size: Count = 128
    """Images in each of them."""
    seed: Seed | None = None
    """Seed of the evolution, to run another one on the same supernet; null is that of the run."""

    @model_validator(mode="after")
    def _adds_up(self) -> "EvolutionSettings":
        if self.crossover + self.mutation > self.population:
            raise ValueError(
                f"crossover + mutation ({self.crossover} + {self.mutation}) must not exceed "
                f"population ({self.population})"
            )
        return self


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
    macs_bins: MacsBinSettings | None = None
    """Bins of MACs for the sampling of paths; without them paths are uniform."""


class SearchSposSettings(SposSupernetSettings, JudgingSettings):
    """Section `search_spos`."""

    supernet_type: ClassVar[type[ImagesSettings] | None] = SposSupernetSettings

    evolution: EvolutionSettings = EvolutionSettings()
    """The evolutionary search."""
    budget: BudgetSettings = BudgetSettings(max_macs_m=330.0)
    """What a candidate may cost at most."""
