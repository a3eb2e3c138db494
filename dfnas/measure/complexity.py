"""How large and how costly a network is: weights, and multiply-accumulates (MACs) per image.

One MAC is one multiplication with its addition; the literature's "FLOPs" of mobile networks are these. Counted
are convolutions and matrix products (linear layers, attention); normalisation, activation, pooling and biases
are not, as in the figures that the methods publish.

Nothing is computed for a count: the network runs on torch's `meta` device, where tensors have shapes only.
"""

import copy
from collections.abc import Hashable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(module: nn.Module) -> int:
    """Number of trainable and frozen weights, shared ones once. Buffers such as running means do not count."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_macs(module: nn.Module, *input_shape: int) -> int:
    """Multiply-accumulates of one image through the module in evaluation mode.

    The module is left as it is, wherever it lives. A module that the meta device cannot run (one whose control
    flow depends on values, or that holds tensors which are neither parameters nor buffers) is counted by running
    a copy of it on its own device.

    Args:
        input_shape: of one image, without the batch: `count_macs(network, 3, 224, 224)`.
    """
    try:
        return _run_counted(_without_storage(module), torch.empty(1, *input_shape, device="meta"))
    except (NotImplementedError, RuntimeError):
        device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
        return _run_counted(copy.deepcopy(module), torch.zeros(1, *input_shape, device=device))


def signature(module: nn.Module) -> Hashable:
    """What a module computes, its numbers aside: equal only for two that were built alike, whatever they print."""
    own = sorted((name, repr(value)) for name, value in vars(module).items() if name not in _OF_EVERY_MODULE)
    tensors = [*module._parameters.items(), *module._buffers.items()]
    shapes = [(name, None if tensor is None else (tensor.shape, tensor.dtype)) for name, tensor in tensors]
    inside = [(name, signature(child)) for name, child in module.named_children()]
    return type(module), tuple(own), tuple(shapes), tuple(inside)


_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


def _run_counted(module: nn.Module, x: torch.Tensor) -> int:
    with FlopCounterMode(display=False) as counter, UncountedSkipped(), torch.no_grad():
        module.eval()(x)
    return counter.get_total_flops() // 2


def _without_storage(module: nn.Module) -> nn.Module:
    """A copy on the meta device. Weights are never copied: deepcopy finds their stand-ins in its memo."""
    memo: dict[int, torch.Tensor] = {}
    for parameter in module.parameters():
        memo[id(parameter)] = nn.Parameter(torch.empty_like(parameter, device="meta"), requires_grad=False)
    for buffer in module.buffers():
        memo[id(buffer)] = torch.empty_like(buffer, device="meta")
    return copy.deepcopy(module, memo)


class UncountedSkipped(TorchFunctionMode):
    """Passes over functions that keep the shape and have no MACs. On the meta device torch breaks each of them up
    into a dozen steps in Python, which are three quarters of the time of a count."""

    _UNCOUNTED = frozenset({F.batch_norm, F.relu, F.relu6})

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function in self._UNCOUNTED and args:
            return args[0]
        return function(*args, **(kwargs or {}))
