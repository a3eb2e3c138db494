"""Budgets: what an architecture may cost at most, as a hard limit of every search.

Where an algorithm judges architectures, those beyond the budget are rejected. Where it learns strengths p of options,
the architecture that they mean is found by Lagrangian relaxation: of all architectures

    Σ_choices (log p_option - λ · cost_option)

prefers one, by the space's own rule, and the smallest λ is taken at which that one keeps the budget (Everett 1963,
"Generalized Lagrange multiplier method for solving problems of optimum allocation of resources"). It is the strongest
of all architectures that cost no more than it does; what is then left of the budget is spent on single choices.

Shapes: O options of a choice.
"""

import functools
import random
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from dfnas.runtime.errors import InputError
from dfnas.settings.search import BudgetSettings
from dfnas.spaces.costs import CostTable
from dfnas.spaces.space import Architecture, Space

ATTEMPTS = 10_000  # uniform draws before a budget counts as too tight to sample within
ROUNDS = 200  # of weighing several limits against each other
HALVINGS = 60  # of the interval that λ lies in
MILLION = 1e6


@dataclass(frozen=True)
class Limit:
    """One of the limits: `most`, in units of `unit`, of a cost; `setting` is its name."""

    setting: str
    most: float
    cost: CostTable
    unit: float = 1.0

    def of(self, architecture: Architecture) -> float:
        """The cost of an architecture in the limit's unit."""
        return self.cost.of(architecture) / self.unit

    def share(self, choice: str) -> torch.Tensor:
        """(O,) float64: what each option of a choice takes of the limit."""
        return torch.tensor(self.cost.options[choice], dtype=torch.float64) / (self.unit * self.most)


class Budget:
    """The limits that the architectures of a search have to keep.

    Args:
        space: what they are of.
        settings: the limits.
        latency: the measured table in milliseconds, where the settings limit them.

    Raises:
        InputError: a limit on milliseconds without a table of them.
    """

    def __init__(self, space: Space, settings: BudgetSettings, latency: CostTable | None = None):
        self.space = space
        self.limits: list[Limit] = []
        if settings.max_macs_m:
            self.limits.append(Limit("max_macs_m", settings.max_macs_m, space.macs_table(), MILLION))
        if settings.max_params_m:
            self.limits.append(Limit("max_params_m", settings.max_params_m, space.parameters_table(), MILLION))
        if settings.max_latency_ms:
            if latency is None:
                raise InputError("budget.max_latency_ms needs the measured latency table of the space; none is given")
            self.limits.append(Limit("max_latency_ms", settings.max_latency_ms, latency))

    def __str__(self) -> str:
        return " and ".join(f"budget.{limit.setting} = {limit.most:g}" for limit in self.limits)

    def keeps(self, architecture: Architecture) -> bool:
        """Whether an architecture is within all limits."""
        return all(limit.of(architecture) <= limit.most for limit in self.limits)

    def check(self) -> None:
        """To be called before a search.

        Raises:
            InputError: a limit that not even the cheapest architecture of the space keeps, or several of which each can
                be kept, but for which none was found that keeps them together.
        """
        for limit in self.limits:
            cheapest = self.space.discretise({c: -limit.share(c) for c in self.space.choices})
            if limit.of(cheapest) > limit.most:
                raise InputError(
                    f"budget.{limit.setting} = {limit.most:g}: the cheapest architecture of the space has "
                    f"{limit.of(cheapest):.4g}; raise it, or choose a smaller space"
                )
        if self.limits:
            _ = self._weighing

    def sample(self, rng: random.Random) -> dict[str, str]:
        """An architecture drawn uniformly from those that keep the budget.

        Raises:
            InputError: none of 10,000 draws keeps it.
        """
        for _ in range(ATTEMPTS):
            architecture = self.space.sample(rng)
            if self.keeps(architecture):
                return architecture
        raise InputError(f"{self}: none of {ATTEMPTS} random architectures keeps it; raise it")

    def derive(self, strengths: Mapping[str, torch.Tensor]) -> dict[str, str]:
        """The architecture that strengths mean within the budget: by the space's own rule where the result keeps it,
        else by that rule on strengths at the price λ per cost, see above.

        Args:
            strengths: (O,) of every choice, the softmax over its options.

        Raises:
            InputError: see `check`.
        """
        own = self.space.discretise(strengths)
        if self.keeps(own):
            return own
        scores = {c: p.double().clamp_min(torch.finfo(torch.float64).tiny).log().cpu() for c, p in strengths.items()}

        def at(price: float) -> dict[str, str]:
            return self.space.discretise({c: score - price * self._price[c] for c, score in scores.items()})

        low, high = 0.0, 1.0
        while not self.keeps(at(high)):
            low, high = high, 2 * high
            if high == 2.0**HALVINGS:  # beyond what separates any two strengths: cost alone decides
                return self._with_what_is_left(self._cheapest, scores)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if self.keeps(at(middle)) else (middle, high)
        return self._with_what_is_left(at(high), scores)

    def _with_what_is_left(self, architecture: dict[str, str], scores: Mapping[str, torch.Tensor]) -> dict[str, str]:
        """The architecture after the best change of a single choice, and the next, while there is one."""
        while True:
            changes = [
                (float(scores[choice][i] - scores[choice][options.index(architecture[choice])]), choice, option)
                for choice, options in self.space.choices.items()
                for i, option in enumerate(options)
            ]
            better = sorted((change for change in changes if change[0] > 0), key=lambda change: -change[0])
            changed = (architecture | {choice: option} for _, choice, option in better)
            found = next((a for a in changed if self.keeps(a) and self.space.holds(a)), None)
            if found is None:
                return architecture
            architecture = found

    @property
    def _price(self) -> dict[str, torch.Tensor]:
        return self._weighing[0]

    @property
    def _cheapest(self) -> dict[str, str]:
        return self._weighing[1]

    @functools.cached_property
    def _weighing(self) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
        """(O,) of every choice, what an option takes of the limits together, and the architecture that takes least.

        Several limits count alike at first; while the cheapest architecture exceeds one, that one counts for more (the
        multiplicative weights of Arora, Hazan and Kale 2012, section 3.3).
        """
        weights = [1.0] * len(self.limits)
        for _ in range(ROUNDS):
            total, weighed = sum(weights), list(zip(weights, self.limits, strict=True))
            price = {
                c: functools.reduce(torch.add, (w / total * limit.share(c) for w, limit in weighed))
                for c in self.space.choices
            }
            cheapest = self.space.discretise({c: -costs for c, costs in price.items()})
            if self.keeps(cheapest):
                return price, cheapest
            weights = [w * limit.of(cheapest) / limit.most for w, limit in weighed]
        raise InputError(f"{self}: no architecture was found that keeps them together; raise one of them")
