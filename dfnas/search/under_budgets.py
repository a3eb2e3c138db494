"""One search under several budgets, one after the other, on what all of them share."""

from collections.abc import Callable
from typing import Any

from dfnas.runtime.resumable import Row
from dfnas.search.algorithm import Search
from dfnas.spaces.candidate import Score


class UnderBudgets:
    """The searches under one budget each, as `Resumable` steps. What a supernet says of a path does not depend on the
    budget: where one was judged already, its score is taken over.

    Args:
        start: makes the search under a budget, by its number, before its first step.
        count: of the budgets.

    Attributes:
        found: the architecture under each budget that is done.
    """

    def __init__(self, start: Callable[[int], Search], count: int):
        self.start, self.count = start, count
        self.found: list[dict[str, str]] = []
        self.known: dict[str, Score] = {}
        self._search: Search | None = None
        self._done = 0
        self.steps = self._present_steps() * count

    def step(self, index: int) -> Row | None:
        search = self._present()
        if search.steps:
            search.step(self._done)
        self._done += 1
        if self._done >= search.steps:
            self.found.append(search.architecture())
            self._search, self._done = None, 0
            left = self.count - len(self.found)
            self.steps = index + 1 + (left and left * self._present_steps())
        return None

    def _present_steps(self) -> int:
        """One at least, for what has none of its own."""
        return max(1, self._present().steps)

    def _present(self) -> Search:
        """The search under the first budget that is not done."""
        if self._search is None:
            self._search = self.start(len(self.found))
            if hasattr(self._search, "scores_by_path"):
                self._search.scores_by_path = self.known
        return self._search

    def state_dict(self) -> dict[str, Any]:
        """What was found and judged, and the state of the search that is under way."""
        return {
            "found": list(self.found),
            "known": {text: tuple(score) for text, score in self.known.items()},
            "done": self._done,
            "steps": self.steps,
            "search": self._search.state_dict() if self._search is not None and self._done else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.found, self._done, self._search = list(state["found"]), state["done"], None
        self.steps = state["steps"]
        self.known = {text: Score(*values) for text, values in state["known"].items()}
        if state["search"] is not None:
            self._present().load_state_dict(state["search"])
