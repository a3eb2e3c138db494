"""Optimisers as the published recipes set them up."""

import inspect
from collections.abc import Iterable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.optim import SGD, Adam, Optimizer

Kind = TypeVar("Kind", bound=Optimizer)
PLAIN = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def _without_compiler(kind: type[Kind]) -> type[Kind]:
    """An optimiser with torch's own methods, without what tells torch's compiler to leave them alone: that loads the
    compiler at the first call, which takes 1.6 seconds, a fifth of a short training."""
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in (*PLAIN, "step")}
    return type(kind.__name__, (kind,), methods | {"step": torch.no_grad()(methods["step"])})


_Sgd, _Adam = _without_compiler(SGD), _without_compiler(Adam)


def adam(parameters: Iterable[torch.Tensor], **options: Any) -> Adam:
    """`torch.optim.Adam`."""
    return _Adam(parameters, **options)


def sgd(
    network: nn.Module,
    lr: float,
    momentum: float,
    weight_decay: float,
    nesterov: bool = False,
    decay_norms_and_biases: bool = True,
) -> SGD:
    """Stochastic gradient descent over a network's parameters, optionally without decay on vectors (the scales
    and shifts of normalisation layers, biases)."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    decayed = [p for p in parameters if decay_norms_and_biases or p.ndim > 1]
    kept = [p for p in parameters if not (decay_norms_and_biases or p.ndim > 1)]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    return _Sgd(groups, lr=lr, momentum=momentum, nesterov=nesterov, foreach=True)


def clip_gradients(parameters: Iterable[torch.Tensor], max_norm: float) -> None:
    """Scales the gradients down to a norm of at most `max_norm`; 0 leaves them."""
    if max_norm:
        torch.nn.utils.clip_grad_norm_(parameters, max_norm, foreach=True)
