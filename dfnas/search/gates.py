"""Binary gates of ProxylessNAS: of the options that were drawn one is on, and what the loss would gain by each of the
others shows in the gradient of its gate, ⟨option's output, ∂L/∂output⟩.

`TwoPaths` runs the two options of a draw and keeps the second's output (Cai et al. 2019, section 3.2.1; release
`search/modules/mix_op.py`, mode `two`). `EveryPath` takes the gates of all options (equation 4): it runs one, and the
others in the backward pass, one after the other, so that no more is kept than for one path (mode `full_v2`).

Shapes: B batch, C channels, H W space, D drawn options of a choice.
"""

from typing import Any

import torch
from torch import nn

from dfnas.spaces.slot import Slot


class BinaryGates:
    """What the mixers of an architecture step are told.

    Attributes:
        drawn: for each choice the indices of its D drawn options, the one that is on first.
        gates: for each choice a leaf tensor (D,) = (1, 0, …).
    """

    drawn: dict[str, tuple[int, ...]]
    gates: dict[str, torch.Tensor]


class TwoPaths(BinaryGates):
    """The mixer of which at most two options are drawn."""

    def __call__(self, slot: Slot, x: torch.Tensor) -> torch.Tensor:
        (on, *off), gates = self.drawn[slot.choice], self.gates[slot.choice].unbind()
        # What is off passes no gradient on to its input, being multiplied by zero; its output is all we need.
        with torch.no_grad():
            silent = [slot.options[option](x) for option in off]
        return sum(
            (gate * output for gate, output in zip(gates[1:], silent, strict=True)), gates[0] * slot.options[on](x)
        )


class EveryPath(BinaryGates):
    """The mixer of which any number of options is drawn."""

    def __call__(self, slot: Slot, x: torch.Tensor) -> torch.Tensor:
        drawn = [slot.options[option] for option in self.drawn[slot.choice]]
        return _OneOfMany.apply(x, self.gates[slot.choice], drawn)


class _OneOfMany(torch.autograd.Function):
    """The output (B, C, H, W) of the first of some options, and the gradients of the gates of all."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, gates: torch.Tensor, options: list[nn.Module]) -> torch.Tensor:
        ctx.options = options
        inside = x.detach().requires_grad_(ctx.needs_input_grad[0])
        with torch.enable_grad():
            output = options[0](inside)
        ctx.save_for_backward(inside, output)
        return output.detach()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor, None]:
        inside, output = ctx.saved_tensors
        of_x = None
        if output.requires_grad:  # the output of Zero does not depend on x
            (of_x,) = torch.autograd.grad(output, inside, gradient)
        with torch.no_grad():
            silent = (option(inside) for option in ctx.options[1:])
            of_gates = torch.stack([(one * gradient).sum() for one in (output, *silent)])
        return of_x, of_gates, None
