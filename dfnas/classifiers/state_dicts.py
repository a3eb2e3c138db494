"""Which of the weights in a checkpoint are meant: training scripts nest them, and keep averages of them beside.

A set of weights has a place: the keys that lead to it, joined by dots. A setting can name it by that.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch

from dfnas.runtime.errors import InputError
from dfnas.runtime.stand_ins import StandIn

NESTINGS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "module", "params")
"""Keys under which training scripts save the weights, the likelier ones first."""
AVERAGE = re.compile(r"(?<![^\W_])(ema|swa|avg|averaged?|polyak|shadow)(?![^\W_])|ema_?model|model_?ema", re.IGNORECASE)
"""In a place: a running average of the weights that training itself moves."""
BESIDE = re.compile(r"optim|sched|loss|criterion|scaler|metric|rng|hyper|config|args|callback", re.IGNORECASE)
"""In a place: tensors that are not a network's."""
DEPTH = 5
"""Keys that lead to a set of weights, at most."""
SHARE = 3
"""A set with fewer tensors than this part of the largest one's is no rival of it, unless it is under a nesting: beside
the weights that a script saves as its model's, a larger network is another one's."""


class WeightSet(NamedTuple):
    """Weights in a checkpoint, and the keys that lead to them."""

    keys: tuple[str, ...]
    tensors: dict[str, torch.Tensor]
    model: str = ""
    """The class of the pickled model that they are of, if they were not saved as a state dict."""

    @property
    def place(self) -> str:
        return ".".join(self.keys)

    def described(self) -> str:
        """Its place in words."""
        return f"under '{self.place}'" if self.keys else "at its top level"


class Choice(NamedTuple):
    """The set of weights that is taken, and the places of others that might have been meant."""

    taken: WeightSet
    others: list[str]


def is_average(place: str, places: list[str]) -> bool:
    """Whether weights are averages, by their place and the places beside it: a `teacher` beside a `student` is the
    average of what it has been."""
    student = place.replace("teacher", "student")
    return bool(AVERAGE.search(place)) or (student != place and student in places)


def choose(checkpoint: Any, where: str, key: str | None = None, section: str = "teacher") -> Choice:
    """The weights inside a checkpoint, whatever it nests them in. Of trained weights and their averages the trained
    ones, whose BatchNorm statistics are surely their own.

    Args:
        key: the place of those to take, or the beginning of their names.

    Raises:
        InputError: there are none, none at that place, or several, none of which is likelier than the others.
    """
    sets = _rivals(list(_sets(checkpoint, ())))
    if not sets:
        raise InputError(f"{where} {_without_weights(checkpoint)}")
    taken, equals = _likeliest(sets)
    if key is not None:
        inside = _at(checkpoint, key)
        inside = _at(taken.tensors, key) if inside is None else inside
        chosen = _rivals(list(_sets(inside, (key,))))
        if not chosen:
            found = ", ".join(f"'{found.place}'" for found in sets if found.place) or "its top level alone"
            raise InputError(f"{where} has no weights under {section}.weights_key = '{key}'; it has some under {found}")
        taken, equals = _likeliest(chosen)
    if len(equals) > 1:
        raise InputError(
            f"{where} has several sets of weights: {', '.join(equals)}; set {section}.weights_key to the one to take"
        )
    return Choice(taken, [found.place for found in sets if found.place != taken.place and key is None])


def _likeliest(sets: list[WeightSet]) -> tuple[WeightSet, list[str]]:
    """The set to take, the first of equals, and the places of all of these."""
    places = [found.place for found in sets]
    plain = [found for found in sets if not is_average(found.place, places)] or sets
    best = min(map(_rank, plain))
    equals = [found for found in plain if _rank(found) == best]
    return equals[0], [found.place for found in equals]


def _sets(value: Any, keys: tuple[str, ...]) -> Iterator[WeightSet]:
    if isinstance(value, StandIn):
        if value.is_module:
            tensors = {k: v.detach() for k, v in value.tensors() if isinstance(v, torch.Tensor)}
            yield WeightSet(keys, tensors, value.name)
        return
    if isinstance(value, list | tuple):
        value = {str(place): part for place, part in enumerate(value) if not isinstance(part, torch.Tensor)}
    if not isinstance(value, Mapping) or len(keys) > DEPTH:
        return
    own = {str(name): part for name, part in value.items() if isinstance(part, torch.Tensor)}
    # (The state of an optimiser has numbers for keys.)
    inner = [found for key, part in value.items() if isinstance(key, str) for found in _sets(part, (*keys, key))]
    if own and len(own) >= max((len(found.tensors) for found in inner), default=0):
        yield WeightSet(keys, own)
    yield from inner


def _rivals(sets: list[WeightSet]) -> list[WeightSet]:
    """Those that may be the network's: no states of optimisers, no single figures beside the weights."""
    sets = [found for found in sets if not BESIDE.search(found.place)] or sets
    sets = [found for found in sets if any(value.ndim for value in found.tensors.values())] or sets
    most = max((len(found.tensors) for found in sets), default=0)
    return [found for found in sets if _is_nested(found) or SHARE * len(found.tensors) >= most > 0]


def _is_nested(found: WeightSet) -> bool:
    """Whether weights are where training scripts put those of their network."""
    return all(key in NESTINGS for key in found.keys)


def _rank(found: WeightSet) -> tuple[int, ...]:
    return tuple(NESTINGS.index(key) if key in NESTINGS else len(NESTINGS) for key in found.keys)


def _at(value: Any, key: str) -> Any:
    """What is at a place, or, of a state dict, what has names that begin with it; None if nothing is."""
    if isinstance(value, StandIn):
        value = dict(value.tensors()) if value.is_module else {}
    if isinstance(value, list | tuple):
        value = {str(place): part for place, part in enumerate(value)}
    if not isinstance(value, Mapping):
        return None
    if key in value:
        return value[key]
    for name, part in value.items():
        if isinstance(name, str) and key.startswith(f"{name}."):
            found = _at(part, key[len(name) + 1 :])
            if found is not None:
                return found
    begun = f"{key}."
    return {n.removeprefix(begun): v for n, v in value.items() if isinstance(n, str) and n.startswith(begun)} or None


def _without_weights(checkpoint: Any) -> str:
    """What is wrong with a checkpoint that has no tensors where weights could be, and what to do."""
    story = f"holds no weights: expected a state dict, bare or under one of {', '.join(NESTINGS)}"
    nested = [checkpoint.get(key) for key in NESTINGS] if isinstance(checkpoint, Mapping) else []
    for value in (checkpoint, *nested):
        if isinstance(value, StandIn):
            return (
                f"holds no weights but a pickled {value.name}, which only its own code could rebuild; where you trust "
                'it, load it there and save its weights alone: torch.save(network.state_dict(), "weights.pt")'
            )
        parts = value.values() if isinstance(value, Mapping) else ()
        if any(isinstance(part, StandIn) and part.name.startswith("numpy") for part in parts):
            return f"{story}; its arrays are NumPy's: save tensors, {{k: torch.from_numpy(v) for k, v in …items()}}"
    return story
