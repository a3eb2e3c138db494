"""An architecture that a search has judged, and architectures as one line of text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from dfnas.runtime.errors import InputError
from dfnas.spaces.space import Architecture, Space

SEPARATOR = "|"


class Score(NamedTuple):
    """What a search says of an architecture: top-1 and top-5 error on held-out images as shares, if it looks at any;
    the loss, where that decides; the further scores that it is ranked by, the more the better; and Σ log p over its
    options, where its strength is what a search has learnt of it."""

    top1_error: float | None
    top5_error: float | None
    loss: float | None = None
    further: Mapping[str, float] | None = None
    strength: float | None = None

    @property
    def key(self) -> tuple[float, ...]:
        """What it is compared by, the less the better: the loss, or top-1 and then top-5 error."""
        if self.strength is not None:
            return (-self.strength,)
        if self.loss is not None:
            return (self.loss,)
        assert self.top1_error is not None, "judged by neither"
        assert self.top5_error is not None, "judged by neither"
        return (self.top1_error, self.top5_error)


@dataclass(frozen=True)
class Candidate:
    """A judged architecture with its top-1 and top-5 error as shares, its MACs in millions, the generation that it was
    judged in, counted from 1 (a search without generations has one), and its loss, if the search judges by that; what
    `further` it is ranked by and its `strength`, see `Score`. One that no image was shown to has no errors; one that
    was ranked by training-free scores has what they come to, the more the better."""

    architecture: dict[str, str]
    top1_error: float | None
    top5_error: float | None
    macs_m: float
    generation: int = 1
    loss: float | None = None
    proxy_score: float | None = None
    further: dict[str, float] = field(default_factory=dict)
    strength: float | None = None

    @classmethod
    def of(cls, architecture: Architecture, score: Score, macs_m: float, generation: int = 1) -> Self:
        """The candidate with a score."""
        further = dict(score.further or {})
        errors = score.top1_error, score.top5_error
        return cls(
            dict(architecture), *errors, macs_m, generation, score.loss, further=further, strength=score.strength
        )

    @property
    def score(self) -> Score:
        """What it was judged by."""
        return Score(self.top1_error, self.top5_error, self.loss, self.further or None, self.strength)


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
