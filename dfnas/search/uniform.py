"""The baseline: an architecture drawn uniformly, without looking at any data."""

from dfnas.runtime.seeds import python_random
from dfnas.search.budget import Budget


def random_architecture(budget: Budget, seed: int) -> dict[str, str]:
    """A uniform draw among the architectures that keep a budget.

    Raises:
        InputError: see `Budget.sample`.
    """
    return budget.sample(python_random(seed, "random"))
