"""Some out of many: a bounded number of things, or the best network."""

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Validated(Protocol):
    """A network that was judged by validation images. Test images choose nothing."""

    @property
    def validation_error(self) -> float: ...

    @property
    def seed(self) -> int: ...


V = TypeVar("V", bound=Validated)


def best_of(networks: Iterable[V]) -> V:
    """The network with the lowest error on its validation images, then with the lowest seed, then the first."""
    return min(networks, key=lambda one: (one.validation_error, one.seed))


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of the indices 0 … count - 1, the first and the last among them, as evenly spaced as can be."""
    if count <= most:
        return list(range(count))
    if most == 1:
        return [0]
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]
