"""What a search space is: named choices, a supernet with slots, and the networks that the choices describe.

An *architecture* is a mapping from every choice to the name of one of its options, nothing more; each space
turns that into a network and back. Cells that keep two edges a node say `none` on the edges that they drop.
"""

import functools
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from dfnas.runtime.errors import InputError
from dfnas.settings.base import as_size
from dfnas.spaces.blocks import blocks_of
from dfnas.spaces.costs import CostTable
from dfnas.spaces.counting import count_slot_macs, count_slot_parameters
from dfnas.spaces.layout import Layout, Position, chain

Architecture = Mapping[str, str]

ABSENT = "none"
"""The option of an edge that is not there, in every space of cells."""
SKIPS = ("skip_connect", "identity")
"""Options that pass their input on, by the names that they commonly have."""


@dataclass(frozen=True)
class Task:
    """What every network of a space has to fit: `channels` of the input image, its `size` (height, width) in
    pixels, and the number of `classes`, 2 or more. One side stands for a square.

    Raises:
        InputError: no such size, or a single class, which every network would name.
    """

    channels: int
    size: tuple[int, int]
    classes: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_size(self.size))
        if self.classes == 1:
            raise InputError("a task of one class, expected 2 or more: every network would name it")


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

    def deployed(self, network: nn.Module) -> nn.Module:
        """What `network` gave, without what only its training uses, such as an auxiliary head: changed in place. All of
        it, unless a space says otherwise."""
        return network

    def slotted_network(self) -> nn.Module:
        """`network` with a `Slot` of every option, as it would be built, wherever one is chosen: what costs are
        counted and measured on. The supernet, unless that has other sizes or layers than the final networks."""
        return self.supernet()

    def feature_blocks(self, network: nn.Module) -> list[nn.Module]:
        """The stem and the blocks of what `network` gave: modules with outputs (B, C, H, W) that follow each other, for
        scores of untrained networks. The composite parts of the network, unless a space says otherwise."""
        return blocks_of(network)

    def discretise(self, strengths: Mapping[str, torch.Tensor]) -> dict[str, str]:
        """The architecture that a weight for every option means, by the space's published rule: the strongest option
        of every choice, unless the space has another.

        Args:
            strengths: for each choice a tensor (O,), larger meaning stronger: the softmax over the options of each
                choice, or any increasing function of it that is the same for all choices. A rule may compare options
                of different choices, but asks for nothing except which is stronger.
        """
        return {choice: options[int(strengths[choice].argmax())] for choice, options in self.choices.items()}

    def macs_table(self) -> CostTable:
        """Multiply-accumulates per image of `network`. Exact: `macs` equals the count of the built network."""
        return self._macs_table

    @functools.cached_property
    def _macs_table(self) -> CostTable:
        return CostTable(self.choices, *count_slot_macs(self._counted(), self.task.channels, *self.task.size))

    def parameters_table(self) -> CostTable:
        """Weights of `network`, those of an auxiliary head included. Exact, as `macs_table` is."""
        return self._parameters_table

    @functools.cached_property
    def _parameters_table(self) -> CostTable:
        return CostTable(self.choices, *count_slot_parameters(self._counted()))

    def _counted(self) -> nn.Module:
        try:
            with torch.device("meta"):
                return self.slotted_network()
        except Exception:  # code of the user's that reads values, which tensors have on the CPU alone
            return self.slotted_network()

    def layout(self) -> Layout:
        """How an architecture is to be drawn; a chain of the choices, unless a space says otherwise."""
        return chain(Position(choice=choice) for choice in self.choices)

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

    def expected_cost(self, table: CostTable, probabilities: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Mean cost of an architecture whose options are drawn by given probabilities, a scalar, differentiable.

        Args:
            probabilities: (O,) of every choice, each with the sum 1.
        """
        return table.expected(probabilities)

    def sample(self, rng: random.Random) -> dict[str, str]:
        """An architecture drawn uniformly from the space."""
        return {choice: rng.choice(options) for choice, options in self.choices.items()}

    def fair_sample(self, rng: random.Random) -> list[dict[str, str]]:
        """As many architectures as the largest choice has options. Every option of a choice is equally often among
        them, or once more than others where their number does not go into that of the architectures; each of these is
        uniform. Where choices depend on each other, what is no architecture gives way to one that is drawn by
        itself."""
        count = max(map(len, self.choices.values()))
        orders = {choice: _equally_often(options, count, rng) for choice, options in self.choices.items()}
        drawn = [{choice: order[place] for choice, order in orders.items()} for place in range(count)]
        return [one if self.holds(one) else self.sample(rng) for one in drawn]

    def mutate(self, architecture: Architecture, probability: float, rng: random.Random) -> dict[str, str]:
        """A copy in which each choice is drawn anew with the given probability."""
        return {
            choice: rng.choice(self.choices[choice]) if rng.random() < probability else option
            for choice, option in architecture.items()
        }

    def neighbour(self, architecture: Architecture, rng: random.Random) -> dict[str, str]:
        """A copy that differs in one choice, drawn uniformly, whose new option is drawn uniformly too: the mutation of
        regularised evolution. The same architecture where no choice has a second option."""
        open_choices = [choice for choice, options in self.choices.items() if len(options) > 1]
        if not open_choices:
            return dict(architecture)
        choice = rng.choice(open_choices)
        others = [option for option in self.choices[choice] if option != architecture[choice]]
        return {**architecture, choice: rng.choice(others)}

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

    def holds(self, architecture: Architecture) -> bool:
        """Whether the architecture is of this space."""
        try:
            self.check(architecture)
        except InputError:
            return False
        return True

    def macs(self, architecture: Architecture) -> float:
        """Multiply-accumulates of `network(architecture)` per image, from the table; whole where that is."""
        return self.macs_table().of(architecture)

    def to_string(self, architecture: Architecture) -> str:
        """The architecture in one line, for tables: `choice=option,…`, or in the space's own notation if it has one.
        Raises InputError if it is not of this space."""
        self.check(architecture)
        return ",".join(f"{choice}={architecture[choice]}" for choice in self.choices)

    def from_string(self, text: str) -> dict[str, str]:
        """The architecture that `to_string` writes so: its inverse, which a space with a notation of its own replaces
        too. Raises InputError where the text is no architecture of this space."""
        said = (part.partition("=") for part in text.split(","))
        architecture = {choice: option for choice, _, option in said}
        self.check(architecture)
        return architecture

    def learns_nothing(self, architecture: Architecture) -> bool | None:
        """Whether nothing with weights lies between input and output but what all networks of the space have. None
        where a space does not say, as most do not. Raises InputError if the architecture is not of this space."""
        return None

    def indicators(self, architecture: Architecture) -> dict[str, torch.Tensor]:
        """The architecture as strengths: (O,) per choice, one for its option and zero for the others."""
        return {c: torch.tensor([float(o == architecture[c]) for o in options]) for c, options in self.choices.items()}

    def path(self, architecture: Architecture) -> dict[str, int]:
        """The architecture as indices of options, for the mixer `SinglePath`."""
        return {choice: self.choices[choice].index(option) for choice, option in architecture.items()}


def _equally_often(options: Sequence[str], count: int, rng: random.Random) -> list[str]:
    """So many options in random order, among which each is equally often, or once more than others, by chance."""
    whole, rest = divmod(count, len(options))
    order = [*options] * whole + rng.sample(list(options), rest)
    rng.shuffle(order)
    return order


def _some(names: Iterable[str], limit: int = 8) -> str:
    listed = list(names)
    return ", ".join(listed[:limit]) + (f", … ({len(listed)} in all)" if len(listed) > limit else "")
