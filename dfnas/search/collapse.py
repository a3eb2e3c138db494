"""The collapse of a search by gradient into skip connections: how it is seen, and what a user is told.

A skip connection learns nothing and lets gradients through, so that while the weights of its rivals are still raw
the descent on α prefers it. The longer DARTS runs, the more of a cell's edges become skip connections (Liang et al.
2019; Zela et al. 2020, section 3), until hardly anything is left of the network that has weights.

Counted is the derived architecture, for each of the space's kinds of choices apart: of the choices that offer a skip
and were not dropped, how many took it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from dfnas.spaces.space import ABSENT, Architecture, Space

COLLAPSED_ABOVE = 0.5
"""Share of skips. DARTS's own cells, found and published as good ones, have 3 (DARTS_V1) and 2 (DARTS_V2) of 8."""


class Skips(NamedTuple):
    """Of `kept` choices that could have been a skip connection, `taken` are."""

    taken: int
    kept: int

    @property
    def share(self) -> float:
        return self.taken / self.kept if self.kept else 0.0

    @property
    def collapsed(self) -> bool:
        """Whether more than half are, or every edge was dropped."""
        return not self.kept or self.share > COLLAPSED_ABOVE


def count_skips(space: Space, architecture: Architecture) -> dict[str, Skips]:
    """The skip connections of an architecture, by kind. Kinds whose choices offer none are left out."""
    counts = {}
    for kind, choices in space.kinds().items():
        offering = [choice for choice in choices if space.skips(choice)]
        kept = [choice for choice in offering if architecture[choice] != ABSENT]
        if offering:
            counts[kind] = Skips(sum(architecture[choice] in space.skips(choice) for choice in kept), len(kept))
    return counts


def skip_share(space: Space, architecture: Architecture) -> float:
    """The share of skip connections in the kind that has the most of them; 0 in a space that offers none."""
    return max((skips.share for skips in count_skips(space, architecture).values()), default=0.0)


def judged(space: Space, architecture: Architecture) -> dict[str, bool | float]:
    """What every search reports on its result: `collapsed`, by `Skips.collapsed` of any kind, and `skip_share`."""
    collapsed = any(skips.collapsed for skips in count_skips(space, architecture).values())
    return {"collapsed": collapsed, "skip_share": skip_share(space, architecture)}


def warning(report: Mapping[str, bool | float | int | str], remedy: str) -> str:
    """The line for a user whose search has collapsed.

    Args:
        report: see `judged`.
        remedy: what to set.
    """
    share = report["skip_share"]
    found = f"{share:.0%} of the choices that it keeps are skip connections" if share else "it keeps no edge of a cell"
    return f"the search has collapsed: {found}; {remedy} (docs/search.md)"
