"""Learning rates as functions of the step."""

import math

from torch.optim import Optimizer


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


def one_cycle(step: float, steps: float, peak: float, position: float, start: float, end: float) -> float:
    """A rise on a straight line to the peak, then a fall on one (Smith and Topin 2017, in the form of cifar10-airbench,
    legacy/airbench94.py, `get_lr`).

    Args:
        step: number of the step, from 0.
        position: share of the steps before the peak, which lies on a whole step.
        start: what the first step has, as a share of the peak.
        end: what a step after the last would have, as a share of the peak.
    """
    rising = int(steps * position)
    if step < rising:
        done, begin, target = step / rising, start, 1.0
    else:
        done, begin, target = (step - rising) / max(steps - rising, 1), 1.0, end
    return peak * (begin * (1 - done) + target * done)


def set_learning_rate(optimizer: Optimizer, lr: float) -> None:
    """Gives all parameter groups of an optimiser one learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = lr
