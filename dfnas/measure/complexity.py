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

from dfnas.spaces.slot import Slot, set_mixer, slots


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


def count_slot_macs(network: nn.Module, *input_shape: int) -> tuple[int, dict[str, tuple[int, ...]]]:
    """Multiply-accumulates per image of a network with slots, split by choice.

    Args:
        network: with a `Slot` at each position; changed (mode, mixers), so build it for this call, best under
            `torch.device("meta")`.
        input_shape: of one image, without the batch.

    Returns:
        (fixed, table): what runs whatever is chosen, and for each choice what each option adds, summed over the
        slots that follow the choice.
    """
    table: dict[str, list[int]] = {}
    known: dict[Hashable, int] = {}  # cells and blocks repeat: most options have been counted before
    in_slots = 0
    with FlopCounterMode(display=False) as counter, _UncountedSkipped():

        def count_each_option(slot: Slot, x: torch.Tensor) -> torch.Tensor:
            nonlocal in_slots
            entry = counter.get_total_flops()
            totals, output = table.setdefault(slot.choice, [0] * len(slot.options)), None
            for i, option in enumerate(slot.options):
                key = (signature(option), x.shape)
                if key not in known:
                    before = counter.get_total_flops()
                    output = option(x)
                    known[key] = (counter.get_total_flops() - before) // 2
                totals[i] += known[key]
            output = slot.options[0](x) if output is None else output  # any will do: they agree in shape
            in_slots += counter.get_total_flops() - entry
            return output

        set_mixer(network, count_each_option)
        device = next(network.parameters()).device
        with torch.no_grad():
            network.eval()(torch.empty(1, *input_shape, device=device))
    fixed = (counter.get_total_flops() - in_slots) // 2
    return fixed, {choice: tuple(totals) for choice, totals in table.items()}


def count_slot_parameters(network: nn.Module) -> tuple[int, dict[str, tuple[int, ...]]]:
    """Weights of a network with slots, split by choice; shared ones once.

    Returns:
        (fixed, table): weights outside of all slots, and for each choice those of each option, over all the slots that
        follow the choice.
    """
    in_slots: set[int] = set()
    found: dict[str, list[dict[int, int]]] = {}
    for slot in slots(network):
        by_option = found.setdefault(slot.choice, [{} for _ in slot.options])
        for sizes, option in zip(by_option, slot.options, strict=True):
            sizes |= {id(parameter): parameter.numel() for parameter in option.parameters()}
            in_slots |= sizes.keys()
    fixed = sum(parameter.numel() for parameter in network.parameters() if id(parameter) not in in_slots)
    return fixed, {choice: tuple(sum(sizes.values()) for sizes in by_option) for choice, by_option in found.items()}


def signature(module: nn.Module) -> Hashable:
    """What a module computes, its numbers aside: equal only for two that were built alike, whatever they print."""
    own = sorted((name, repr(value)) for name, value in vars(module).items() if name not in _OF_EVERY_MODULE)
    tensors = [*module._parameters.items(), *module._buffers.items()]
    shapes = [(name, None if tensor is None else (tensor.shape, tensor.dtype)) for name, tensor in tensors]
    inside = [(name, signature(child)) for name, child in module.named_children()]
    return type(module), tuple(own), tuple(shapes), tuple(inside)


_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


def _run_counted(module: nn.Module, x: torch.Tensor) -> int:
    with FlopCounterMode(display=False) as counter, _UncountedSkipped(), torch.no_grad():
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


class _UncountedSkipped(TorchFunctionMode):
    """Passes over functions that keep the shape and have no MACs. On the meta device torch breaks each of them up
    into a dozen steps in Python, which are three quarters of the time of a count."""

    _UNCOUNTED = frozenset({F.batch_norm, F.relu, F.relu6})

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function in self._UNCOUNTED and args:
            return args[0]
        return function(*args, **(kwargs or {}))
