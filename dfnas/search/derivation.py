"""The architecture that a supernet's strengths mean within a budget: the search of algorithms that learn them."""

from typing import Any

import torch

from dfnas.runtime.resumable import Row
from dfnas.search import collapse
from dfnas.search.budget import Budget
from dfnas.search.supernet import Trained
from dfnas.settings.search import SearchSettings
from dfnas.spaces.candidate import Candidate


class Derivation:
    """A search without steps and without images: all was learnt in the supernet's training."""

    steps = 0

    def __init__(self, budget: Budget, settings: SearchSettings, supernet: Trained):
        self.budget, self.settings, self.supernet = budget, settings, supernet

    def step(self, index: int) -> Row | None:
        """There is none."""
        raise AssertionError(f"step {index} of none")

    def architecture(self) -> dict[str, str]:
        """By the space's rule and within the budget, see `Budget.derive`."""
        return self.budget.derive(self.supernet.strengths)

    def strengths(self) -> dict[str, torch.Tensor]:
        """Of every option, (O,) per choice."""
        return dict(self.supernet.strengths)

    def candidates(self) -> list[Candidate]:
        """None: no architecture is judged on its own."""
        return []

    def report(self) -> dict[str, bool | float | int | str]:
        """How it went: `collapse.judged` of the architecture, and what the supernet's training says."""
        return {**collapse.judged(self.budget.space, self.architecture()), **self.supernet.report}

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `state_dict`."""
