"""The architecture that a supernet's strengths mean within a budget: the search of algorithms that learn them."""

from typing import Any

import torch

from dfnas.runtime.resumable import Row
from dfnas.search import collapse
from dfnas.search.budget import Budget
from dfnas.search.evolution import Evolution
from dfnas.search.ranks import by_ranks, further_scores, with_ranks
from dfnas.search.supernet import Trained
from dfnas.settings.ranks import DerivedSettings
from dfnas.spaces.candidate import Candidate, Score, to_text
from dfnas.spaces.space import ABSENT, Architecture


class Derivation:
    """A search without images: all that they say was learnt in the supernet's training. As published it has no steps,
    and takes what `Budget.derive` does. With `settings.ranks` it is an evolution by the strength of architectures and
    by training-free scores, as `Resumable` steps: one for each candidate.

    Args:
        seed: of the evolution, unless its settings have another, and of the networks that are scored.
    """

    reads_strengths = True

    def __init__(self, budget: Budget, settings: DerivedSettings, supernet: Trained, seed: int):
        self.budget, self.settings, self.supernet = budget, settings, supernet
        self.steps = 0
        self.scores_by_path: dict[str, Score] = {}  # by the architecture's text; of other searches on this supernet too
        if settings.ranks is None:
            return
        bred, space = settings.evolution, budget.space
        self.evolution = Evolution(
            space, bred, budget, bred.seed_of(seed), by_ranks, [budget.derive(supernet.strengths)]
        )
        device = next(supernet.network.parameters()).device
        self.scorer = further_scores(settings.ranks, settings.space, space, seed, device)
        self.steps = bred.generations * bred.population

    def step(self, index: int) -> Row | None:
        return self.evolution.step(index, self.score)

    def score(self, architecture: dict[str, str]) -> Score:
        """How strong an architecture is, and its training-free scores."""
        text = to_text(self.budget.space, architecture)
        if text not in self.scores_by_path:
            further = self.scorer.proxies_of(architecture)
            self.scores_by_path[text] = Score(None, None, None, further, self.strength(architecture))
        return self.scores_by_path[text]

    def strength(self, architecture: Architecture) -> float:
        """Σ log p over its options. Of edges that a node leaves out by rule none counts: each architecture has as many
        of them. Where perturbation has decided, p of an option that lost may be 0, and its logarithm is that of the
        least number there is: an architecture ranks by how few such options it has."""
        space, strengths = self.budget.space, self.supernet.strengths
        left_out = {edge for node in space.topology().values() if node.kept is not None for edge in node.edges}
        tiny = torch.finfo(torch.float64).tiny
        return sum(
            float(strengths[choice][space.choices[choice].index(option)].double().clamp_min(tiny).log())
            for choice, option in architecture.items()
            if not (option == ABSENT and choice in left_out)
        )

    def architecture(self) -> dict[str, str]:
        """By the space's rule and within the budget, see `Budget.derive`, or the best by ranks."""
        if self.settings.ranks is None:
            return self.budget.derive(self.supernet.strengths)
        return dict(self.evolution.best().architecture)

    def strengths(self) -> dict[str, torch.Tensor]:
        """Of every option, (O,) per choice."""
        return dict(self.supernet.strengths)

    def candidates(self) -> list[Candidate]:
        """Every candidate, in the order in which they were bred; none without ranks: nothing is judged on its own."""
        return with_ranks(list(self.evolution.judged.values())) if self.settings.ranks is not None else []

    def report(self) -> dict[str, bool | float | int | str]:
        """How it went: `collapse.judged` of the architecture, and what the supernet's training says."""
        judged = {} if self.settings.ranks is None else {"judged": len(self.evolution.judged)}
        return {**collapse.judged(self.budget.space, self.architecture()), **self.supernet.report, **judged}

    def state_dict(self) -> dict[str, Any]:
        """Of the evolution, if there is one."""
        return {} if self.settings.ranks is None else {"evolution": self.evolution.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `state_dict`."""
        if self.settings.ranks is not None:
            self.evolution.load_state_dict(state["evolution"])
