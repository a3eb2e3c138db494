"""What searches by gradient have in common: a supernet, architecture parameters α, and their state."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from dfnas.search import collapse
from dfnas.search.alphas import Alphas
from dfnas.search.context import SearchContext


class DifferentiableSupernet:
    """The state of a training that descends on α and on the weights of a supernet in turn."""

    context: SearchContext
    network: nn.Module
    alphas: Alphas
    epochs: int
    """Of the whole search."""
    optimizer: torch.optim.SGD
    """Of the weights."""
    loss_sums: torch.Tensor
    """(2,): of the weights' and of the architecture's loss, since the last report."""

    def strengths(self) -> dict[str, torch.Tensor]:
        """Probability of every option, (O,) per choice."""
        return self.alphas.strengths()

    def architecture(self) -> dict[str, str]:
        """What the present α mean, by the space's rule; without a budget."""
        return self.context.space.discretise(self.strengths())

    def skip_share(self) -> float:
        """Of skip connections in the present architecture, see `collapse.skip_share`."""
        return collapse.skip_share(self.context.space, self.architecture())

    def report(self) -> dict[str, bool | float | int | str]:
        """How it went: why it `stopped`, and the `epoch`, from 1, that the strengths are of."""
        return {"stopped": "end", "epoch": self.epochs}

    @torch.no_grad()
    def expected_costs(self) -> dict[str, float]:
        """Mean cost of architectures drawn by the present probabilities: millions of multiply-accumulates, millions of
        weights, and where the space was timed, milliseconds."""
        space, probabilities = self.context.space, self.alphas.probabilities()
        tables = {"macs_m": (space.macs_table(), 1e6), "params_m": (space.parameters_table(), 1e6)}
        if self.context.latency is not None:
            tables["latency_ms"] = (self.context.latency, 1.0)
        return {
            f"expected_{name}": space.expected_cost(table, probabilities).item() / unit
            for name, (table, unit) in tables.items()
        }

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
