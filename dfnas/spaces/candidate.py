"""An architecture that a search has judged, and architectures as one line of text."""

from collections.abc import Iterable
from dataclasses import dataclass

from dfnas.runtime.errors import InputError
from dfnas.spaces.space import Architecture, Space

SEPARATOR = "|"


@dataclass(frozen=True)
class Candidate:
    """A judged architecture with its top-1 and top-5 error as shares, its MACs in millions, and the generation that it
    was judged in, counted from 1; a search without generations has one."""

    architecture: dict[str, str]
    top1_error: float
    top5_error: float
    macs_m: float
    generation: int = 1

    @property
    def key(self) -> tuple[float, float]:
        return self.top1_error, self.top5_error


def best_of(candidates: Iterable[Candidate]) -> Candidate:
    """The candidate with the lowest top-1 error, then top-5 error; the earliest of equals."""
    return min(candidates, key=lambda candidate: candidate.key)


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
