"""How large and how costly a network is: weights, and multiply-accumulates (MACs) per image.

One MAC is one multiplication with its addition; the literature's "FLOPs" of mobile networks are these. Counted
are convolutions and matrix products (linear layers, attention); normalisation, activation, pooling and biases
are not, as in the figures that the methods publish.
"""

from collections.abc import Hashable

import torch
from torch import nn

from dfnas.measure.mac_counter import MacCounter


def count_parameters(module: nn.Module) -> int:
    """Number of trainable and frozen weights, shared ones once. Buffers such as running means do not count."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_macs(module: nn.Module, *input_shape: int) -> int:
    """Multiply-accumulates of one image through the module in evaluation mode.

    One black image goes through it, where it lives; on torch's `meta` device nothing is computed for that. The module
    is left as it is.

    Args:
        input_shape: of one image, without the batch: `count_macs(network, 3, 224, 224)`.
    """
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    training = [each for each in module.modules() if each.training]
    try:
        with MacCounter() as counter, torch.no_grad():
            module.eval()(torch.zeros(1, *input_shape, device=device))
    finally:
        for each in training:
            each.training = True
    return counter.macs


def signature(module: nn.Module) -> Hashable:
    """What a module computes, its numbers aside: equal only for two that were built alike, whatever they print."""
    own = sorted((name, repr(value)) for name, value in vars(module).items() if name not in _OF_EVERY_MODULE)
    tensors = [*module._parameters.items(), *module._buffers.items()]
    shapes = [(name, None if tensor is None else (tensor.shape, tensor.dtype)) for name, tensor in tensors]
    inside = [(name, signature(child)) for name, child in module.named_children()]
    return type(module), tuple(own), tuple(shapes), tuple(inside)


_OF_EVERY_MODULE = frozenset(vars(nn.Module()))
