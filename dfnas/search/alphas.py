"""Architecture parameters α: what DARTS and ProxylessNAS descend on."""

from collections.abc import Iterable
from typing import Any, Protocol

import torch

from dfnas.spaces.space import Space

INITIAL_SCALE = 1e-3  # of a normal distribution, in both publications


class AdamSettings(Protocol):
    """The settings that both algorithms have."""

    arch_lr: float
    arch_betas: tuple[float, float]
    arch_weight_decay: float


class Alphas:
    """A tensor (O,) for every choice of a space, with its Adam.

    Attributes:
        values: the leaf tensors by choice.
    """

    def __init__(self, space: Space, settings: AdamSettings, generator: torch.Generator, device: torch.device):
        self.values = {
            choice: (INITIAL_SCALE * torch.randn(len(options), generator=generator)).to(device).requires_grad_()
            for choice, options in space.choices.items()
        }
        self.optimizer = torch.optim.Adam(
            self.leaves(), settings.arch_lr, settings.arch_betas, weight_decay=settings.arch_weight_decay
        )

    def leaves(self) -> list[torch.Tensor]:
        """The tensors, in the order of the choices."""
        return list(self.values.values())

    def probabilities(self) -> dict[str, torch.Tensor]:
        """softmax(α), differentiable."""
        return {choice: alpha.softmax(0) for choice, alpha in self.values.items()}

    @torch.no_grad()
    def strengths(self) -> dict[str, torch.Tensor]:
        """softmax(α) on the CPU, for `Space.discretise` and for keeping."""
        return {choice: p.cpu() for choice, p in self.probabilities().items()}

    @torch.no_grad()
    def entropy(self) -> float:
        """Mean over the choices of the entropy of softmax(α), in nats."""
        return torch.stack([torch.special.entr(p).sum() for p in self.probabilities().values()]).mean().item()

    def step(self, gradients: Iterable[torch.Tensor]) -> None:
        """One step of Adam along given gradients, in the order of the choices."""
        for alpha, gradient in zip(self.leaves(), gradients, strict=True):
            alpha.grad = gradient
        self.optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        values = {choice: alpha.detach() for choice, alpha in self.values.items()}
        return {"values": values, "optimizer": self.optimizer.state_dict()}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        for choice, alpha in self.values.items():
            alpha.copy_(state["values"][choice])
        self.optimizer.load_state_dict(state["optimizer"])
