"""What a search space is: named choices, a supernet with slots, and the networks that the choices describe.

An *architecture* is a mapping from every choice to the name of one of its options, nothing more; each space
turns that into a network and back. Cells that keep two edges a node say `none` on the edges that they drop.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from dfnas.runtime.errors import InputError
from dfnas.settings.base import as_size

Architecture = Mapping[str, str]

ABSENT = "none"
"""The option of an edge that is not there, in every space of cells."""
SKIPS = ("skip_connect", "identity")
"""Options that pass their input on, by the names that they commonly have."""


@dataclass(frozen=True)
class Task:
    """What every network of a space has to fit: `channels` of the input image, its `size` (height, width) in
    pixels, and the number of `classes`. One side stands for a square."""

    channels: int
    size: tuple[int, int]
    classes: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_size(self.size))


@dataclass(frozen=True)
class Node:
    """A place at which edges are added up: the choices of the `edges` that may enter it, and how many of them every
    architecture keeps, the others being `none`. Without such a rule, where `none` is an option like others, None."""

    edges: tuple[str, ...]
    kept: int | None = None


class Space(ABC):
    """A search space for one task. Subclasses take `task` first, then their own sizes as keyword arguments."""

    task: Task
    choices: Mapping[str, tuple[str, ...]]
    """Every choice with the names of its options, in the order of the slots' options."""

    @abstractmethod
    def supernet(self) -> nn.Module:
        """The network to search on: (B, C, H, W) float to logits (B, K), with a `Slot` for each position.
        Weights are drawn from torch's global generator."""

    @abstractmethod
    def network(self, architecture: Architecture) -> nn.Module:
        """The network to train and deploy, without slots: (B, C, H, W) to logits (B, K). In training mode it may
        give (logits, auxiliary logits) instead, and it may have an attribute `drop_path`; see `CellSpace`.

        Raises:
            InputError: the architecture is not of this space; see `check`.
        """

    @abstractmethod
    def discretise(self, strengths: Mapping[str, torch.Tensor]) -> dict[str, str]:
        """The architecture that a weight for every option means, by the space's published rule.

        Args:
            strengths: for each choice a tensor (O,), larger meaning stronger. Give the softmax over the options
                of each choice rather than logits: some rules compare options of different choices.
        """

    @abstractmethod
    def macs_table(self) -> tuple[int, dict[str, tuple[int, ...]]]:
        """(fixed, table): multiply-accumulates per image of `network`, split into what no choice changes and
        what each option of each choice adds. Exact: `macs` equals the count of the built network."""

    def skips(self, choice: str) -> tuple[str, ...]:
        """Options of a choice that pass their input on and compute nothing, which searches by gradient are known to
        prefer (`dfnas.search.collapse`). Unless a space says otherwise, those with a name in SKIPS."""
        return tuple(option for option in self.choices[choice] if option in SKIPS)

    def kinds(self) -> dict[str, tuple[str, ...]]:
        """The choices, divided into those that are counted together: by kind of cell, where there are several."""
        return {"all": tuple(self.choices)}

    def topology(self) -> dict[str, Node]:
        """The nodes of the cells. None in a space without edges to choose from, such as a chain of blocks."""
        return {}

    def sample(self, rng: random.Random) -> dict[str, str]:
        """An architecture drawn uniformly from the space."""
        return {choice: rng.choice(options) for choice, options in self.choices.items()}

    def mutate(self, architecture: Architecture, probability: float, rng: random.Random) -> dict[str, str]:
        """A copy in which each choice is drawn anew with the given probability."""
        return {
            choice: rng.choice(self.choices[choice]) if rng.random() < probability else option
            for choice, option in architecture.items()
        }

    def cross(self, one: Architecture, other: Architecture, rng: random.Random) -> dict[str, str]:
        """A child that takes each choice from one of two parents with equal probability."""
        return {choice: rng.choice((one[choice], other[choice])) for choice in self.choices}

    def check(self, architecture: Architecture) -> None:
        """Raises InputError, with the choice and what is allowed, unless the architecture is of this space."""
        for choice in architecture:
            if choice not in self.choices:
                raise InputError(
                    f"unknown choice '{choice}' in the architecture; {type(self).__name__} has {_some(self.choices)}"
                )
        for choice, options in self.choices.items():
            if choice not in architecture:
                raise InputError(f"the architecture does not say what '{choice}' is; expected one of {_some(options)}")
            if architecture[choice] not in options:
                raise InputError(
                    f"unknown option '{architecture[choice]}' for '{choice}' in the architecture; "
                    f"expected one of {_some(options)}"
                )

    def macs(self, architecture: Architecture) -> int:
        """Multiply-accumulates of `network(architecture)` per image, from the table."""
        fixed, table = self.macs_table()
        return fixed + sum(table[c][self.choices[c].index(option)] for c, option in architecture.items())

    def path(self, architecture: Architecture) -> dict[str, int]:
        """The architecture as indices of options, for the mixer `SinglePath`."""
        return {choice: self.choices[choice].index(option) for choice, option in architecture.items()}


def strongest(choices: Mapping[str, tuple[str, ...]], strengths: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """The strongest option of every choice: the rule of derivation of the chain-structured spaces."""
    return {choice: options[int(strengths[choice].argmax())] for choice, options in choices.items()}


def _some(names, limit: int = 8) -> str:
    names = list(names)
    return ", ".join(names[:limit]) + (f", … ({len(names)} in all)" if len(names) > limit else "")
