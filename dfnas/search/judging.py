"""What searches that judge architectures one by one have in common: what they say when they are done."""

from collections.abc import Mapping
from typing import ClassVar

import torch

from dfnas.search import collapse
from dfnas.search.context import SearchContext
from dfnas.spaces.candidate import Candidate, best_of


class JudgingSearch:
    """A search whose result is the best of the candidates that it has judged."""

    remedy: ClassVar[str]
    """What a user can do whose search has collapsed."""
    context: SearchContext
    judged: Mapping[str, Candidate]
    """Every candidate by its text, in the order of judgement."""

    def architecture(self) -> dict[str, str]:
        """The best candidate found."""
        return dict(best_of(self.judged.values()).architecture)

    def strengths(self) -> dict[str, torch.Tensor]:
        """One for the options of the best candidate, zero for the others; (O,) per choice."""
        return self.context.space.indicators(self.architecture())

    def candidates(self) -> list[Candidate]:
        """Every candidate judged, in the order of their judgement."""
        return list(self.judged.values())

    def report(self) -> dict[str, bool | float | int | str]:
        """How it went: `collapse.judged` of the architecture, why the search `stopped`, and how many candidates were
        `judged`."""
        return collapse.judged(self.context.space, self.architecture()) | {"stopped": "end", "judged": len(self.judged)}
