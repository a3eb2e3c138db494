"""Some out of many: a bounded number of things, or the best network."""

from collections.abc import Iterable
from math import sqrt
from typing import Protocol, TypeVar

FEW, FEW_OF_A_CLASS = 100, 5
"""Held-out images, of all classes and of each, below which they are few to choose by. By 100 an error of one half is
uncertain by 10 points either way (95 %)."""


def few_to_choose_by(held_out: int, classes: int) -> str:
    """That held-out images are few, in words; nothing where they are not."""
    if held_out >= max(FEW, FEW_OF_A_CLASS * classes):
        return ""
    return (
        f"{held_out} held-out images of {classes} classes are few to choose by: an error on them is uncertain by up "
        f"to {98 / sqrt(max(held_out, 1)):.0f} points either way (95 %)"
    )


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
