"""Selection of an architecture by perturbation: DARTS-PT (Wang et al., "Rethinking Architecture Selection in
Differentiable NAS", ICLR 2021, algorithm 1; release ruocwang/darts-pt, sota/cnn/projection.py).

How large its α has become does not say how much an option matters. So each is judged by what the trained supernet
loses without it: one choice after the other, in random order, is decided for the option whose removal costs most
validation accuracy, and the supernet trains on. Where a cell drops edges, the nodes follow in random order: the
edge whose removal costs least is removed until as many are left as the space keeps.

Beyond the publication: options that cost the same number of validation images are told apart by the loss, and how much
each is missed is kept, so that a budget can weigh what it would give up (`dfnas.search.budget`).

Shapes: O options of a choice.
"""

from collections.abc import Callable, Sequence
from itertools import zip_longest
from random import Random
from typing import Any, NamedTuple

import torch

from dfnas.spaces.slot import Foresight, Mixer, Slot
from dfnas.spaces.space import ABSENT, Space

Harm = tuple[float, float]
"""Error rate and loss of the supernet without something: the larger, the more it is missed."""


class Subject(NamedTuple):
    """What one decision is about: a choice, or the node at which edges are dropped."""

    name: str
    is_node: bool


Round = tuple[Subject, ...]

SHARPNESS = 20.0
"""Of the softmax that makes strengths of error rates. Any value gives the same architectures, and this one tells a
hundredth of an error from none in a picture."""
TIE = 1e-6
"""What the loss counts for beside the error rate, less than one image of a million."""


def rounds(space: Space, rng: Random) -> list[Round]:
    """All decisions in random order, the choices before the nodes. A round takes one of every kind (the release: a
    normal and a reduction cell's edge), and the supernet trains between rounds."""
    ruled = [(name, node.edges, node.kept) for name, node in space.topology().items() if node.kept is not None]
    choices, nodes = [], []
    for kind in space.kinds().values():
        dropping = [name for name, edges, kept in ruled if edges[0] in kind and len(edges) > kept]
        choices.append([Subject(name, False) for name in rng.sample(kind, len(kind))])
        nodes.append([Subject(name, True) for name in rng.sample(dropping, len(dropping))])
    return [
        tuple(subject for subject in together if subject is not None)
        for of_kinds in (choices, nodes)
        for together in zip_longest(*of_kinds)
    ]


class Decisions:
    """The mixer of a supernet of which some choices are decided: their slots run one option, all others what the
    mixer of the search makes of them.

    Attributes:
        decided: the index of the option by choice.
        removed: edges that were dropped, or are on trial without; their slots give zeros (`EdgeWeights`).
        masks: (O,) of ones and zeros by choice: options on trial without.
        missed: (O,) float64 by decided choice: how much the supernet missed each option, `_amount`; -inf where the
            option was not on trial.
    """

    def __init__(self, space: Space, mixer: Mixer):
        self.space, self.mixer = space, mixer
        self.decided: dict[str, int] = {}
        self.removed: set[str] = set()
        self.masks: dict[str, torch.Tensor] = {}
        self.missed: dict[str, torch.Tensor] = {}

    def ahead(self, slots: Sequence[Slot], x: torch.Tensor) -> None:
        """See `announce`: of slots that are not decided."""
        undecided = [slot for slot in slots if self._option(slot.choice) is None]
        if undecided and isinstance(self.mixer, Foresight):
            self.mixer.ahead(undecided, x)

    def __call__(self, slot: Slot, x: torch.Tensor) -> torch.Tensor:
        option = self._option(slot.choice)
        return self.mixer(slot, x) if option is None else slot.options[option](x)

    @property
    def undecided(self) -> bool:
        """Whether α still has a say: some choice's options are weighed by it."""
        return len(self.decided) < len(self.space.choices)

    def decide(self, subject: Subject, harm: Callable[[], Harm]) -> str:
        """Decides a choice or a node and returns what for, in words.

        Args:
            harm: judges the supernet as it is with the present `removed` and `masks`.
        """
        return self._decide_node(subject.name, harm) if subject.is_node else self._decide_choice(subject.name, harm)

    def strengths(self, undecided: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """(O,) of every choice: of a decided one the softmax of SHARPNESS times how much each option was missed, of a
        dropped edge one for `none` and zero for the others, of a choice that is not decided what is given."""
        decided = {choice: (SHARPNESS * missed).softmax(0) for choice, missed in self.missed.items()}
        dropped = {c: torch.tensor([float(option == ABSENT) for option in self.space.choices[c]]) for c in self.removed}
        return dict(undecided) | decided | dropped

    def _option(self, choice: str) -> int | None:
        """The index of what a choice is decided for; None if it is not."""
        return self.space.choices[choice].index(ABSENT) if choice in self.removed else self.decided.get(choice)

    def _decide_choice(self, choice: str, harm: Callable[[], Harm]) -> str:
        options = self.space.choices[choice]
        on_trial = [option for option in options if option != ABSENT or not self._may_be_dropped(choice)]
        harms = {option: self._without_option(choice, options.index(option), harm) for option in on_trial}
        best = max(harms, key=harms.__getitem__)
        self.decided[choice] = options.index(best)
        amounts = [_amount(harms[option]) if option in harms else -torch.inf for option in options]
        self.missed[choice] = torch.tensor(amounts, dtype=torch.float64)
        return f"{choice} = {best}"

    def _decide_node(self, name: str, harm: Callable[[], Harm]) -> str:
        node = self.space.topology()[name]
        assert node.kept is not None, "only nodes with a rule are decided, see `rounds`"
        kept = list(node.edges)
        while len(kept) > node.kept:
            harms = {edge: self._without_edge(edge, harm) for edge in kept}
            dropped = min(harms, key=harms.__getitem__)
            kept.remove(dropped)
            self.removed.add(dropped)
        return f"{name} keeps {' '.join(kept)}"

    def _may_be_dropped(self, choice: str) -> bool:
        """Whether the edge's absence is up to its node, and not an option among others."""
        return any(choice in node.edges and node.kept is not None for node in self.space.topology().values())

    def _without_option(self, choice: str, option: int, harm: Callable[[], Harm]) -> Harm:
        mask = torch.ones(len(self.space.choices[choice]))
        mask[option] = 0
        self.masks[choice] = mask
        found = harm()
        del self.masks[choice]
        return found

    def _without_edge(self, edge: str, harm: Callable[[], Harm]) -> Harm:
        self.removed.add(edge)
        found = harm()
        self.removed.remove(edge)
        return found

    def state_dict(self) -> dict[str, Any]:
        return {"decided": self.decided, "removed": sorted(self.removed), "missed": self.missed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.decided, self.removed = dict(state["decided"]), set(state["removed"])
        self.missed = dict(state["missed"])


def _amount(harm: Harm) -> float:
    """A harm as one number, in the same order: the error rate, and a loss in [0, ∞) for what two of them share."""
    error, loss = harm
    return error + TIE * loss / (1 + loss)
