"""A cost that is a sum over choices: multiply-accumulates, weights, milliseconds.

Shapes: O options of a choice.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from dfnas.runtime.transfers import sent


@dataclass(frozen=True)
class CostTable:
    """What every architecture of a space costs: what no choice changes, and what each option of each choice adds.

    Args:
        choices: those of the space, see `Space.choices`.
        fixed: the part that all architectures share.
        options: for each choice what each of its options adds, in their order. A choice that is left out adds nothing.
    """

    choices: Mapping[str, tuple[str, ...]]
    fixed: float
    options: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        free = {choice: self.options.get(choice, (0,) * len(names)) for choice, names in self.choices.items()}
        object.__setattr__(self, "options", free)

    def of(self, architecture: Mapping[str, str]) -> float:
        """The cost of an architecture; whole where the table is."""
        return self.fixed + sum(self.options[c][self.choices[c].index(option)] for c, option in architecture.items())

    def expected(self, probabilities: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """fixed + Σ_choices Σ_o p_o · cost_o, a scalar of the type of p and differentiable in it.

        Args:
            probabilities: (O,) of every choice.
        """
        p = torch.cat([probabilities[choice] for choice in self.choices])
        return self.fixed + p @ sent(self._flat.to(p.dtype), p.device)

    @functools.cached_property
    def _flat(self) -> torch.Tensor:
        return torch.tensor([cost for choice in self.choices for cost in self.options[choice]], dtype=torch.float64)
