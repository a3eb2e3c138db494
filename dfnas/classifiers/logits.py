"""Whether a network's answers are logits, or probabilities that would go through a softmax a second time.

Shapes: P images, K classes.
"""

import torch

from dfnas.runtime.errors import InputError

ENDS = ("Addmm", "Mm", "Mv", "Bmm", "Convolution", "Mkldnn", "Add", "Sub", "Mean", "Sum", "Adaptive", "AvgPool", "Relu")
"""Last operations, as autograd calls them, whose results lie in [0, 1] by chance only."""
RESHAPING = ("View", "Reshape", "UnsafeView", "Squeeze", "Unsqueeze", "Slice", "Select", "Clone", "Alias", "ToCopy")
"""Operations that change nothing but the form."""


def check_kind(logits: torch.Tensor, last: str, where: str) -> None:
    """Raises InputError where the answers (P, K) are probabilities. Logarithms of probabilities are logits.

    Args:
        last: the operation that made them, see `last_operation`.
    """
    if not ((logits >= 0) & (logits <= 1)).all():
        return
    remedy = "take that layer out, or wrap the network in one that returns what goes into it"
    if ((logits.sum(1) - 1).abs() < 1e-3).all():
        raise InputError(
            f"{where}: it returns probabilities that add up to 1, as of a softmax, expected logits, which go through a "
            f"softmax here; {remedy}"
        )
    if not last.startswith(ENDS) and logits.any():
        raise InputError(
            f"{where}: all that it returns lies in [0, 1], as if of a sigmoid, expected logits, which go through a "
            f"softmax here; {remedy}"
        )


def last_operation(output: torch.Tensor) -> str:
    """What made a tensor but for its form, as autograd calls it; nothing where it has no gradient."""
    node = output.grad_fn
    while node is not None and node.name().startswith(RESHAPING) and node.next_functions:
        node = node.next_functions[0][0]
    return "" if node is None else node.name()
