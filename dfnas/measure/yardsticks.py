"""What there is under a budget without a search: the best of a table, the largest, random draws.

"Take the largest" is a strong rule without a limit and a weak one below many, so a search is held against all of these
in the same budget. Its *regret* is the best accuracy within the budget minus that of what it found, in points.

An architecture's *share* of a budget is the largest of cost over limit, of all limits; without a limit, its
multiply-accumulates over those of the dearest in the table. It keeps the budget at a share of 1 or less, and is *near*
it from NEAR on: who has a budget spends it.

Shapes: N architectures of the table, M of them within the budget.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from dfnas.measure.accuracy_table import chances_of_best
from dfnas.runtime.errors import InputError

NEAR = 0.85
"""Share of a limit from which an architecture is near it."""
MACS = "macs_m"
"""The cost that counts where nothing is limited."""
UNITS = {"max_macs_m": "M MACs", "max_params_m": "M parameters", "max_latency_ms": "ms"}
"""How each limit is read; the cost that it limits has its name without `max_`."""

Limits = Mapping[str, float]
"""Limits by the names of UNITS. One of 0, or that is left out, is none."""


def label(limits: Limits) -> str:
    """A budget in words: `47.1 M MACs`."""
    parts = [f"{limits[name]:g} {unit}" for name, unit in UNITS.items() if limits.get(name)]
    return " and ".join(parts) or "no limit"


def shares(costs: Mapping[str, np.ndarray], limits: Limits) -> np.ndarray:
    """(N,): the part of a budget that each architecture takes.

    Args:
        costs: (N,) of each cost, by its name.
    """
    parts = [costs[name.removeprefix("max_")] / most for name, most in limits.items() if most]
    return np.max(parts, axis=0) if parts else costs[MACS] / costs[MACS].max()


def keeps(costs: Mapping[str, np.ndarray], limits: Limits) -> np.ndarray:
    """bool (N,): whether each architecture is within all limits, as `dfnas.search.budget` has it."""
    kept = np.ones(len(costs[MACS]), bool)
    for name, most in limits.items():
        if most:
            kept &= costs[name.removeprefix("max_")] <= most
    return kept


def yardsticks(
    accuracies: np.ndarray, costs: Mapping[str, np.ndarray], limits: Limits, draws: Sequence[int]
) -> dict[str, float]:
    """Accuracies to hold a search against in a budget, by what reaches them, all exact:

    `best`, the best within; `largest`, the mean of those with the largest share; `mean_near` and `mean_within`, one
    random draw; `best_of_n_near` and `best_of_n_within`, the expected best of n draws with replacement. Those of draws
    near the budget are left out where nothing is near it.

    Args:
        accuracies: (N,).
        costs: (N,) of each cost, by its name.
        draws: every n.

    Raises:
        InputError: nothing keeps the budget.
    """
    within = keeps(costs, limits)
    if not within.any():
        raise InputError(
            f"no architecture of the table keeps the budget of {label(limits)}; raise it, or leave it out of "
            "comparison.budgets"
        )
    taken, reached = shares(costs, limits)[within], np.asarray(accuracies, float)[within]  # (M,), (M,)
    near = reached[taken >= NEAR]
    found = {"best": reached.max(), "largest": reached[taken == taken.max()].mean()}
    for place, drawn_from in (("near", near), ("within", reached)):
        for number in dict.fromkeys((1, *draws)):
            if len(drawn_from):
                found[f"mean_{place}" if number == 1 else f"best_of_{number}_{place}"] = best_of(drawn_from, number)
    return {name: float(value) for name, value in found.items()}


def best_of(accuracies: np.ndarray, draws: int) -> float:
    """The expected best of some uniform draws with replacement."""
    return float(chances_of_best(len(accuracies), draws) @ np.sort(accuracies))
