"""Settings of searches whose candidates are ranked by several scores together."""

from typing import Annotated

from pydantic import Field, model_validator

from dfnas.settings.base import Count, Fraction, Integer, Seed, Settings
from dfnas.settings.proxies import Proxy, ScoredSettings
from dfnas.settings.search import SearchSettings


class RanksSettings(ScoredSettings):
    """What ranks candidates beside the search's own word: multiply-accumulates and training-free scores of untrained
    networks on noise, assembled much as AZ-NAS (Lee and Ham 2024) does: Σ log(rank / N) among all N that were judged,
    where the better half of the ranks by AZ-NAS' three scores, and by strength, all count as 1/2."""

    proxies: Annotated[tuple[Proxy, ...], Field(min_length=1)] = (
        "expressivity",
        "progressivity",
        "trainability",
        "synflow",
    )
    """The training-free scores: those of AZ-NAS, which come together, and SynFlow."""
    downscale: Count = 1
    """Side of the squares by which the noise is smaller than the images; it divides their height and width."""
    batch_size: Annotated[Integer, Field(ge=2)] = 64
    """Images of noise that a network sees at once."""


class BreedingSettings(Settings):
    """The evolution of architectures (Guo et al. 2020, algorithm 1)."""

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
    seed: Seed | None = None
    """Seed of the evolution, to run another one on the same supernet; null is that of the run."""

    def seed_of(self, run: int) -> int:
        """The evolution's seed in a run with another."""
        return run if self.seed is None else self.seed

    @model_validator(mode="after")
    def _adds_up(self) -> "BreedingSettings":
        if self.crossover + self.mutation > self.population:
            raise ValueError(
                f"crossover + mutation ({self.crossover} + {self.mutation}) must not exceed "
                f"population ({self.population})"
            )
        return self


class DerivedSettings(SearchSettings):
    """What searches are told that read off the strengths which their supernet has learnt, and look at no images."""

    ranks: RanksSettings | None = None
    """What ranks architectures together with their strength, Σ log p over their options: the best that `evolution`
    finds is taken. Null takes the strongest, as published."""
    evolution: BreedingSettings = BreedingSettings()
    """The evolution, where `ranks` are set. It begins with the strongest architecture."""

    @property
    def looks_at_images(self) -> bool:
        return False
