"""Whether a network's answers are logits, or probabilities that would go through a softmax a second time.

Shapes: P images, K classes.
"""

import torch

from dfnas.runtime.errors import InputError

SQUASHING = ("Sigmoid", "Softmax", "Hardsigmoid", "Reciprocal")
"""Last operations, as autograd calls them, that make probabilities; 1 / (1 + exp(-z)) is a reciprocal."""
BOUNDS = {"Clamp": ("_saved_min", "_saved_max"), "Hardtanh": ("_saved_min_val", "_saved_max_val")}
"""Those that do so where their bounds are 0 and 1, and what autograd calls these."""
RESHAPING = ("View", "Reshape", "UnsafeView", "Squeeze", "Unsqueeze", "Slice", "Select", "Clone", "Alias", "ToCopy")
"""Operations that change nothing but the form."""


def check_kind(logits: torch.Tensor, squashed: bool, where: str) -> None:
    """Raises InputError where the answers (P, K) are probabilities. Logarithms of probabilities are logits.

    Args:
        squashed: see `is_squashed`. That all lies in [0, 1] says nothing by itself: of fresh weights it does by chance.
    """
    if not ((logits >= 0) & (logits <= 1)).all():
        return
    remedy = "take that layer out, or wrap the network in one that returns what goes into it"
    if ((logits.sum(1) - 1).abs() < 1e-3).all():
        raise InputError(
            f"{where}: it returns probabilities that add up to 1, as of a softmax, expected logits, which go through a "
            f"softmax here; {remedy}"
        )
    if squashed:
        raise InputError(
            f"{where}: all that it returns lies in [0, 1], as if of a sigmoid, expected logits, which go through a "
            f"softmax here; {remedy}"
        )


def is_squashed(output: torch.Tensor) -> bool:
    """Whether what made a tensor, but for its form and its scale, can give nothing outside of [0, 1]."""
    node = output.grad_fn
    while node is not None and _keeps_values(node):
        node = next(before for before, _ in node.next_functions if before is not None)
    if node is None:
        return False
    bounds = next((names for kind, names in BOUNDS.items() if node.name().startswith(kind)), None)
    if bounds is not None:
        return [getattr(node, name, None) for name in bounds] == [0, 1]
    return node.name().startswith(SQUASHING)


def _keeps_values(node: torch.autograd.graph.Node) -> bool:
    """Whether an operation, as autograd keeps it, changes the form alone, or multiplies by what has no gradient."""
    before = [function for function, _ in node.next_functions if function is not None]
    return len(before) == 1 and node.name().startswith((*RESHAPING, "Mul", "Div"))
