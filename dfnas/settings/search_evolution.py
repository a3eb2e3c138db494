"""Settings of `search_evolution` (Real et al. 2019, "Regularized Evolution for Image Classifier Architecture Search",
algorithm 1): a baseline without a supernet."""

from pydantic import model_validator

from dfnas.settings.base import Count
from dfnas.settings.from_scratch import FromScratchSettings


class SearchEvolutionSettings(FromScratchSettings):
    """Section `search_evolution`."""

    cycles: Count = 20_000
    """C, candidates in all, the first population included."""
    population: Count = 100
    """P, candidates alive: the youngest."""
    sample: Count = 25
    """S, candidates drawn from the population, of which the best has the next child."""

    @model_validator(mode="after")
    def _population_fits(self) -> "SearchEvolutionSettings":
        if self.cycles < self.population:
            raise ValueError(f"cycles ({self.cycles}) must not be below population ({self.population})")
        if self.sample > self.population:
            raise ValueError(f"sample ({self.sample}) must not exceed population ({self.population})")
        return self
