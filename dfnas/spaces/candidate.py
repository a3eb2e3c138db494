"""An architecture that a search has judged, and architectures as one line of text."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

from dfnas.runtime.errors import InputError
from dfnas.spaces.space import Architecture, Space

SEPARATOR = "|"


class Score(NamedTuple):
    """What held-out images say of an architecture: top-1 and top-5 error as shares, and the loss where that decides."""

    top1_error: float
    top5_error: float
    loss: float | None = None

    @property
    def key(self) -> tuple[float, ...]:
        """What it is compared by, the less the better: the loss, or top-1 and then top-5 error."""
        return (self.top1_error, self.top5_error) if self.loss is None else (self.loss,)


@dataclass(frozen=True)
class Candidate:
    """A judged architecture with its top-1 and top-5 error as shares, its MACs in millions, the generation that it was
    judged in, counted from 1 (a search without generations has one), and its loss, if the search judges by that. One
    that was not trained has no errors, but a training-free score, the more the better."""

    architecture: dict[str, str]
    top1_error: float | None
    top5_error: float | None
    macs_m: float
    generation: int = 1
    loss: float | None = None
    proxy_score: float | None = None

    @classmethod
    def of(cls, architecture: Architecture, score: Score, macs_m: float, generation: int = 1) -> Self:
        """The candidate with a score."""
        return cls(dict(architecture), score.top1_error, score.top5_error, macs_m, generation, score.loss)

    @property
    def score(self) -> Score:
        """What it was judged by on held-out images."""
        assert self.top1_error is not None
        assert self.top5_error is not None
        return Score(self.top1_error, self.top5_error, self.loss)


def best_of(candidates: Iterable[Candidate]) -> Candidate:
    """The candidate with the best score; the earliest of equals."""
    return min(candidates, key=lambda candidate: candidate.score.key)


def to_text(space: Space, architecture: Architecture) -> str:
    """The options alone, in the order of the space's choices: `sep_conv_3x3|none|skip_connect|…`."""
    return SEPARATOR.join(architecture[choice] for choice in space.choices)


def from_text(space: Space, text: str) -> dict[str, str]:
    """The architecture that `to_text` wrote. Raises InputError if it is not one of this space."""
    options = text.split(SEPARATOR)
    if len(options) != len(space.choices):
        raise InputError(f"an architecture of {len(options)} options; the space has {len(space.choices)} choices")
    architecture = dict(zip(space.choices, options, strict=True))
    space.check(architecture)
    return architecture
