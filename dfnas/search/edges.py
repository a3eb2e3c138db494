"""Weights of whole edges, beside those of the options on them.

A mixer decides what a slot makes of its options. What enters a node is the slot's output, of which with partial
channels a part passes the options by; so an edge is weighed behind its slot.
"""

from collections.abc import Iterable

import torch

from dfnas.spaces.slot import Slot


class EdgeWeights:
    """Multiplies the output of slots by the weight of their choice.

    Attributes:
        weights: scalars by choice, as numbers or differentiable tensors. Choices without one are left as they are.
    """

    def __init__(self, slots: Iterable[Slot]):
        self.weights: dict[str, torch.Tensor | float] = {}
        for slot in slots:
            slot.register_forward_hook(self._weigh)

    def _weigh(self, slot: Slot, inputs: tuple, output: torch.Tensor) -> torch.Tensor:
        return output * self.weights[slot.choice] if slot.choice in self.weights else output
