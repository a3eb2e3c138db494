"""Optimisers as the published recipes set them up."""

from collections.abc import Iterable

import torch
from torch import nn


def sgd(
    network: nn.Module,
    lr: float,
    momentum: float,
    weight_decay: float,
    nesterov: bool = False,
    decay_norms_and_biases: bool = True,
) -> torch.optim.SGD:
    """Stochastic gradient descent over a network's parameters, optionally without decay on vectors (the scales
    and shifts of normalisation layers, biases)."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    decayed = [p for p in parameters if decay_norms_and_biases or p.ndim > 1]
    kept = [p for p in parameters if not (decay_norms_and_biases or p.ndim > 1)]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, foreach=True)


def clip_gradients(parameters: Iterable[torch.Tensor], max_norm: float) -> None:
    """Scales the gradients down to a norm of at most `max_norm`; 0 leaves them."""
    if max_norm:
        torch.nn.utils.clip_grad_norm_(parameters, max_norm, foreach=True)
