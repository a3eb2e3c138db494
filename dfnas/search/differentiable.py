"""What searches by gradient have in common: a supernet, architecture parameters α, and their state."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from dfnas.search.alphas import Alphas
from dfnas.search.context import SearchContext


class DifferentiableSearch:
    """The state of a search that descends on α and on the weights of a supernet in turn."""

    context: SearchContext
    network: nn.Module
    alphas: Alphas
    optimizer: torch.optim.Optimizer
    """Of the weights."""
    loss_sums: torch.Tensor
    """(2,): of the weights' and of the architecture's loss, since the last report."""

    def strengths(self) -> dict[str, torch.Tensor]:
        """Probability of every option, (O,) per choice."""
        return self.alphas.strengths()

    def architecture(self) -> dict[str, str]:
        """What the present α mean, by the space's rule."""
        return self.context.space.discretise(self.strengths())

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "alphas": self.alphas.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "loss_sums": self.loss_sums,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.alphas.load_state_dict(state["alphas"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.loss_sums.copy_(state["loss_sums"])


@contextmanager
def frozen(weights: Sequence[torch.Tensor]) -> Iterator[None]:
    """In here the weights are constants: a loss computed now has no gradient with respect to them, and keeps nothing
    that such a gradient would need. The backward pass may run afterwards."""
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
