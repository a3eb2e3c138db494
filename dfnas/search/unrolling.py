"""The second order of DARTS: weights one step ahead, and what that step owes to α (Liu et al. 2019, section 2.3).

    ∇α L_val(w', α) - ξ ∇²αw L_train(w, α) · ∇w' L_val(w', α),    w' = w - ξ ∇w L_train(w, α)

The product with the mixed second derivatives is a finite difference of ∇α L_train between two places on either side of
w (equation 8), so that no second derivative of any layer is needed.
"""

from collections.abc import Sequence

import torch

from dfnas.search.curvature import Gradient

FINITE_DIFFERENCE = 0.01  # over the norm of the gradient (Liu et al. 2019, footnote 2)


def unrolled(
    optimizer: torch.optim.SGD, weights: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor], lr: float
) -> list[torch.Tensor]:
    """w' = w - ξ (μ · buffer + ∇w L_train + decay · w): what the next step of the optimiser, with one group of weights,
    would make of w."""
    (group,), values = optimizer.param_groups, [weight.detach() for weight in weights]
    step = torch._foreach_add(list(gradients), values, alpha=group["weight_decay"])
    buffers = [optimizer.state.get(weight, {}).get("momentum_buffer") for weight in weights]
    if all(buffer is not None for buffer in buffers):
        torch._foreach_add_(step, buffers, alpha=group["momentum"])
    return list(torch._foreach_sub(values, torch._foreach_mul(step, lr)))


def mixed_product(
    gradient: Gradient, weights: Sequence[torch.Tensor], at: Sequence[torch.Tensor], direction: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """∇²αw L(w, α) · v, a tensor for each of α's. The weights are `at` again afterwards.

    Args:
        gradient: ∇α L at the values that the weights have when it is called; the same function of them each time.
        at: w, the values of the weights at which the derivative is taken.
        direction: v, a tensor for each weight.
    """
    norm = torch.nn.utils.get_total_norm(direction, foreach=True)
    radius = FINITE_DIFFERENCE / norm.clamp_min(torch.finfo(norm.dtype).tiny)
    moved = torch._foreach_mul(list(direction), radius)
    assign(weights, torch._foreach_add(list(at), moved))
    plus = gradient()
    assign(weights, torch._foreach_sub(list(at), moved))
    minus = gradient()
    assign(weights, at)
    return [(p - m) / (2 * radius) for p, m in zip(plus, minus, strict=True)]


@torch.no_grad()
def assign(weights: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> None:
    """Gives weights new values in place."""
    torch._foreach_copy_(list(weights), list(values))
