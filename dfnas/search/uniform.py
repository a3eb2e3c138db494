"""The baseline: architectures drawn uniformly. One is taken without looking at any data; of several, the best."""

from dfnas.runtime.seeds import python_random
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.search.from_scratch import FromScratchSearch
from dfnas.settings.search_random import SearchRandomSettings
from dfnas.spaces.candidate import to_text

REPEATS = 1000
"""Draws in a row that were drawn before, until a budget counts as exhausted."""


def random_architectures(budget: Budget, seed: int, count: int) -> list[dict[str, str]]:
    """Uniform draws among the architectures that keep a budget, of which the first do not depend on how many follow.

    Raises:
        InputError: see `Budget.sample`.
    """
    rng = python_random(seed, "random")
    return [budget.sample(rng) for _ in range(count)]


def different_architectures(budget: Budget, seed: int, count: int) -> list[dict[str, str]]:
    """Uniform draws among the architectures that keep a budget, none twice. Fewer than asked for where so many draws
    in a row bring nothing new that the budget can hold hardly more. They depend on the budget's limits and the seed.

    Raises:
        InputError: see `Budget.sample`.
    """
    rng, found, repeats = python_random(seed, "different", str(budget)), dict[str, dict[str, str]](), 0
    while len(found) < count and repeats < REPEATS:
        drawn = budget.sample(rng)
        text = to_text(budget.space, drawn)
        repeats = repeats + 1 if text in found else 0
        found.setdefault(text, drawn)
    return list(found.values())


class RandomSearch(FromScratchSearch):
    """Every draw trained and scored, as `Resumable` steps; see `FromScratchSearch`."""

    settings_type = SearchRandomSettings

    @staticmethod
    def without_data(budget: Budget, seed: int, settings: SearchRandomSettings) -> dict[str, str]:
        """A single draw, which looks at no images. Raises InputError, see `Budget.sample`."""
        return random_architectures(budget, seed, 1)[0]

    def __init__(self, context: SearchContext, settings: SearchRandomSettings):
        super().__init__(context, settings, settings.draws)
        self.drawn = random_architectures(context.budget, context.seed, settings.draws)

    def propose(self, number: int) -> dict[str, str]:
        return self.drawn[number]
