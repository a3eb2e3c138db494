"""How data and algorithms look, in every figure alike: a colour says on which data, a shape says by which algorithm."""

from collections.abc import Hashable, Iterable
from typing import TypeVar

from dfnas.pictures.figures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from dfnas.settings.sources import NO_DATA, ORIGINAL, SYNTHETIC

Name = TypeVar("Name", bound=Hashable)

DATA = {ORIGINAL: BLACK, SYNTHETIC: BLUE, NO_DATA: GREY}
FURTHER_DATA = (VERMILION, GREEN, PURPLE, ORANGE, SKY)
"""Of data sets that the user names, in their order; they repeat."""
ALGORITHMS: dict[object, str] = {"darts": "o", "proxyless": "s", "spos": "^", "random": "X", "evolution": "D"}
ALGORITHMS |= {"training_free": "<"}
FURTHER_SHAPES = ("v", "P", "p", "h")
"""Of whatever else has to be told apart by shapes, in turn."""


def data_colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for every data set, each once."""
    names = dict.fromkeys(names)
    further = [name for name in names if name not in DATA]
    named = {name: FURTHER_DATA[i % len(FURTHER_DATA)] for i, name in enumerate(further)}
    return {name: DATA.get(name) or named[name] for name in names}


def shapes(names: Iterable[Name]) -> dict[Name, str]:
    """A shape for every algorithm, or for other names in turn, each once."""
    turn = (*ALGORITHMS.values(), *FURTHER_SHAPES)
    return {name: ALGORITHMS.get(name, turn[i % len(turn)]) for i, name in enumerate(dict.fromkeys(names))}
