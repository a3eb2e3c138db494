"""Training-free scores of architectures drawn within each of several budgets, as `Resumable` work."""

from collections.abc import Sequence
from typing import Any

from dfnas.proxies.scoring import Scorer
from dfnas.runtime.resumable import Row
from dfnas.spaces.candidate import to_text
from dfnas.spaces.space import Architecture


class Scoring:
    """Scores architectures one by one; one that came before keeps its scores.

    Args:
        scorer: how they are scored.
        drawn: those of each budget.

    Attributes:
        known: the scores of every architecture by its text.
    """

    def __init__(self, scorer: Scorer, drawn: Sequence[Sequence[Architecture]]):
        self.scorer = scorer
        by_text = {to_text(scorer.space, one): one for within in drawn for one in within}
        self.architectures = list(by_text.items())
        self.steps = len(self.architectures)
        self.known: dict[str, dict[str, float]] = {}

    def step(self, index: int) -> Row | None:
        text, architecture = self.architectures[index]
        self.known[text] = self.scorer.of(architecture)
        return None

    def skip_to(self, index: int) -> None:
        """See `Resumable`: steps do not depend on each other."""

    def of(self, architecture: Architecture) -> dict[str, float]:
        """The scores of an architecture, when all steps are done."""
        return self.known[to_text(self.scorer.space, architecture)]

    def state_dict(self) -> dict[str, Any]:
        return {"known": {text: dict(scores) for text, scores in self.known.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.known = {text: dict(scores) for text, scores in state["known"].items()}
