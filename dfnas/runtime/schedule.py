"""Learning rates as functions of the step."""

import math


def learning_rate(
    step: float, steps: float, peak: float, shape: str = "cosine", warmup: float = 0.0, floor: float = 0.0
) -> float:
    """Linear warm-up to the peak, then a fall to the floor that would be reached at `steps`.

    Args:
        step: number of the step, from 0.
        shape: `cosine` (Loshchilov and Hutter 2017, without restarts) or `linear`.
        warmup: steps of the warm-up; step i < warmup has (i + 1) / warmup of the peak, as a step with rate 0
            would be wasted.
    """
    if step < warmup:
        return peak * min((step + 1) / warmup, 1)
    done = (step - warmup) / max(steps - warmup, 1)
    share = 0.5 * (1 + math.cos(math.pi * done)) if shape == "cosine" else 1 - done
    return floor + (peak - floor) * share


def set_learning_rate(optimizer, lr: float) -> None:
    """Gives all parameter groups of a torch optimiser one learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = lr
