"""The evolutionary search over architectures of SPOS (Guo et al. 2020, algorithm 1)."""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from dfnas.runtime.resumable import Row
from dfnas.runtime.seeds import python_random
from dfnas.search.budget import Budget
from dfnas.search.ranks import Order, by_score
from dfnas.settings.ranks import BreedingSettings
from dfnas.spaces.candidate import Candidate, Score, to_text
from dfnas.spaces.space import Space

TRIES = 10  # per child of a generation, as published (max_iters); those that are left are drawn at random
ATTEMPTS = 1000  # random draws for one candidate before the space counts as having nothing new


class Evolution:
    """A population bred from the best of all that were judged so far. No architecture is judged twice.

    Args:
        order: what candidates are compared by, see `Order`.
        first: architectures that are judged before any that are drawn.

    Raises:
        InputError: a budget too tight to sample within, see `Budget.sample`, which `check_spaces` tries before all.
            Where there is a `first`, that is all that is judged then.

    Attributes:
        judged: every candidate by its text, in the order of judgement.
        parents: those that the present generation is bred from.
        tries: how many crossings and mutations are left to the present generation.
    """

    def __init__(
        self,
        space: Space,
        settings: BreedingSettings,
        budget: Budget,
        seed: int,
        order: Order = by_score,
        first: Sequence[dict[str, str]] = (),
    ):
        self.space, self.settings, self.budget, self.seed = space, settings, budget, seed
        self.order, self.first = order, first
        self.judged: dict[str, Candidate] = {}
        self.parents: list[Candidate] = []
        self.tries = self._all_tries()
        if not first:
            budget.sample(python_random(seed, "budget"))

    def step(self, index: int, score: Callable[[dict[str, str]], Score]) -> Row | None:
        """Breeds and judges one candidate. Returns the state of affairs at the end of a generation.

        Args:
            score: what an architecture is worth.
        """
        generation, member = divmod(index, self.settings.population)
        if member == 0:
            self.parents = self.ordered()[: self.settings.parents]
            self.tries = self._all_tries()
        rng = python_random(self.seed, "evolution", index)
        architecture = dict(self.first[index]) if index < len(self.first) else self._breed(member, rng)
        if architecture is not None:
            macs_m = self.space.macs(architecture) / 1e6
            candidate = Candidate.of(architecture, score(architecture), macs_m, generation + 1)
            self.judged[to_text(self.space, architecture)] = candidate
        if member + 1 < self.settings.population:
            return None
        best = self.best()
        row: Row = {"phase": "evolution", "step": generation + 1, "judged": len(self.judged)}
        row |= {} if best.top1_error is None else {"best_top1_error": best.top1_error}
        row |= {"best_macs_m": best.macs_m}
        errors = [c.top1_error for c in self.judged.values() if c.generation == generation + 1]
        known = [error for error in errors if error is not None]
        if known:  # none where the space ran out
            row["mean_top1_error"] = sum(known) / len(known)
        return row

    def ordered(self) -> list[Candidate]:
        """All that were judged, the best first; of equals the earliest."""
        judged = list(self.judged.values())
        if not judged:
            return []
        order = self.order(judged)
        return [judged[i] for i in sorted(range(len(judged)), key=order.__getitem__)]

    def best(self) -> Candidate:
        """The best of all that were judged."""
        return self.ordered()[0]

    def _breed(self, member: int, rng: random.Random) -> dict[str, str] | None:
        """A new architecture within the budget: from two parents, from one, or at random if there are none or
        they have nothing new to give. None once nothing new is left in the space."""
        space, settings = self.space, self.settings
        child = None
        if self.parents and member < settings.crossover:
            child = self._bred("crossover", lambda: space.cross(*self._two_parents(rng), rng))
        elif self.parents and member < settings.crossover + settings.mutation:
            child = self._bred(
                "mutation",
                lambda: space.mutate(rng.choice(self.parents).architecture, settings.mutation_probability, rng),
            )
        child = child or next(filter(self._is_new, (space.sample(rng) for _ in range(ATTEMPTS))), None)
        return self.budget.sample(rng) if child is None and not self.judged else child

    def _two_parents(self, rng: random.Random) -> tuple[dict[str, str], dict[str, str]]:
        one, other = rng.choices(self.parents, k=2)
        return one.architecture, other.architecture

    def _bred(self, kind: str, draw: Callable[[], dict[str, str]]) -> dict[str, str] | None:
        """The first new child of a kind, while the generation has tries left."""
        while self.tries[kind]:
            self.tries[kind] -= 1
            child = draw()
            if self._is_new(child):
                return child
        return None

    def _all_tries(self) -> dict[str, int]:
        return {kind: TRIES * getattr(self.settings, kind) for kind in ("crossover", "mutation")}

    def _is_new(self, architecture: dict[str, str]) -> bool:
        return to_text(self.space, architecture) not in self.judged and self.budget.keeps(architecture)

    def state_dict(self) -> dict[str, Any]:
        judged, parents = ([asdict(c) for c in some] for some in (self.judged.values(), self.parents))
        return {"judged": judged, "parents": parents, "tries": dict(self.tries)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        candidates = [Candidate(**values) for values in state["judged"]]
        self.judged.clear()  # not another one: the search looks into this
        self.judged.update((to_text(self.space, c.architecture), c) for c in candidates)
        self.parents = [Candidate(**values) for values in state["parents"]]
        self.tries = dict(state["tries"])
