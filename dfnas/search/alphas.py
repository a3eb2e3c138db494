"""Architecture parameters α: what DARTS and ProxylessNAS descend on."""

from collections.abc import Iterable
from typing import Any, Protocol

import torch

from dfnas.runtime.transfers import fetched
from dfnas.spaces.space import Space
from dfnas.training.optimizers import adam

INITIAL_SCALE = 1e-3  # of a normal distribution, in both publications


class AdamSettings(Protocol):
    """The settings that both algorithms have."""

    arch_lr: float
    arch_betas: tuple[float, float]
    arch_weight_decay: float


class Alphas:
    """A tensor (O,) for every choice of a space, with its Adam.

    Args:
        scale: of the initial values; 0 for uniform options.
        edge_normalisation: whether each edge into a node of `space.topology()` has a weight β beside those of its
            options (PC-DARTS: Xu et al. 2020, equation 3).

    Attributes:
        values: the leaf tensors α by choice.
        edges: the leaf tensors β (E,) by node; empty without edge normalisation.
    """

    def __init__(
        self,
        space: Space,
        settings: AdamSettings,
        generator: torch.Generator,
        device: torch.device,
        scale: float = INITIAL_SCALE,
        edge_normalisation: bool = False,
    ):
        def leaf(size: int) -> torch.Tensor:
            return (scale * torch.randn(size, generator=generator)).to(device).requires_grad_()

        self.values = {choice: leaf(len(options)) for choice, options in space.choices.items()}
        self.nodes = space.topology() if edge_normalisation else {}
        self.edges = {name: leaf(len(node.edges)) for name, node in self.nodes.items()}
        self.optimizer = adam(
            self.leaves(), lr=settings.arch_lr, betas=settings.arch_betas, weight_decay=settings.arch_weight_decay
        )

    def leaves(self) -> list[torch.Tensor]:
        """The tensors, in the order of the choices and then of the nodes."""
        return [*self.values.values(), *self.edges.values()]

    def probabilities(self) -> dict[str, torch.Tensor]:
        """softmax(α), differentiable."""
        return {choice: alpha.softmax(0) for choice, alpha in self.values.items()}

    def edge_weights(self) -> dict[str, torch.Tensor]:
        """For the choice of every weighed edge its share, a scalar, of softmax(β) of its node, differentiable."""
        return {
            edge: weight
            for name, node in self.nodes.items()
            for edge, weight in zip(node.edges, self.edges[name].softmax(0).unbind(), strict=True)
        }

    @torch.no_grad()
    def strengths(self) -> dict[str, torch.Tensor]:
        """softmax(α) on the CPU, for `Space.discretise` and for keeping; times the weight of the edge, if it has
        one."""
        weights = self.edge_weights()
        return fetched({choice: p * weights.get(choice, 1.0) for choice, p in self.probabilities().items()})

    @torch.no_grad()
    def entropy(self) -> float:
        """Mean over the choices of the entropy of softmax(α), in nats."""
        return torch.stack([torch.special.entr(p).sum() for p in self.probabilities().values()]).mean().item()

    def step(self, gradients: Iterable[torch.Tensor]) -> None:
        """One step of Adam along given gradients, in the order of `leaves`."""
        for alpha, gradient in zip(self.leaves(), gradients, strict=True):
            alpha.grad = gradient
        self.optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        values = {choice: alpha.detach() for choice, alpha in self.values.items()}
        edges = {node: beta.detach() for node, beta in self.edges.items()}
        return {"values": values, "edges": edges, "optimizer": self.optimizer.state_dict()}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        for choice, alpha in self.values.items():
            alpha.copy_(state["values"][choice])
        for node, beta in self.edges.items():
            beta.copy_(state["edges"][node])
        self.optimizer.load_state_dict(state["optimizer"])
