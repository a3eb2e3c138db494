"""Regularised evolution: Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture
Search", AAAI 2019, algorithm 1.

The population is a queue: each cycle draws a sample from it, the best of the sample has a child that differs by one
mutation, and as the child enters the oldest leaves, however good. The result is the best of all that ever lived.
"""

import random

from dfnas.runtime.seeds import python_random
from dfnas.search.context import SearchContext
from dfnas.search.from_scratch import FromScratchSearch
from dfnas.settings.search_evolution import SearchEvolutionSettings
from dfnas.spaces.candidate import Candidate, best_of

ATTEMPTS = 100  # mutations of one parent before the budget counts as leaving it no child


class EvolutionSearch(FromScratchSearch):
    """The search, as `Resumable` steps; see `FromScratchSearch`."""

    settings_type = SearchEvolutionSettings
    settings: SearchEvolutionSettings

    def __init__(self, context: SearchContext, settings: SearchEvolutionSettings):
        super().__init__(context, settings, settings.cycles)

    def propose(self, number: int) -> dict[str, str]:
        rng = python_random(self.context.seed, "evolution", number)
        if number < self.settings.population:
            return self.context.budget.sample(rng)
        return self._child(self.parent(rng), rng)

    def population(self) -> list[Candidate]:
        """Those alive, the oldest first: a network that was proposed twice is there twice."""
        return [self.judged[name] for name in self.proposed[-self.settings.population :]]

    def parent(self, rng: random.Random) -> Candidate:
        """The best of a sample of the population, drawn with replacement; the first of equals."""
        return best_of(rng.choices(self.population(), k=self.settings.sample))

    def _child(self, parent: Candidate, rng: random.Random) -> dict[str, str]:
        """A neighbour of the parent within the budget; a fresh draw where none was found."""
        for _ in range(ATTEMPTS):
            child = self.context.space.neighbour(parent.architecture, rng)
            if self.context.budget.keeps(child):
                return child
        return self.context.budget.sample(rng)
