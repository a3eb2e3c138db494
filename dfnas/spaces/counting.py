"""What the options of a network with slots cost, each by itself: multiply-accumulates and weights, split by choice."""

from collections.abc import Hashable

import torch
from torch import nn

from dfnas.measure.complexity import signature
from dfnas.measure.mac_counter import MacCounter
from dfnas.spaces.slot import Slot, set_mixer, slots


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
    with MacCounter() as counter:

        def count_each_option(slot: Slot, x: torch.Tensor) -> torch.Tensor:
            nonlocal in_slots
            entry = counter.macs
            totals, output = table.setdefault(slot.choice, [0] * len(slot.options)), None
            for i, option in enumerate(slot.options):
                key = (signature(option), x.shape)
                if key not in known:
                    before = counter.macs
                    output = option(x)
                    known[key] = counter.macs - before
                totals[i] += known[key]
            output = slot.options[0](x) if output is None else output  # any will do: they agree in shape
            in_slots += counter.macs - entry
            return output

        set_mixer(network, count_each_option)
        device = next(network.parameters()).device
        with torch.no_grad():
            network.eval()(torch.empty(1, *input_shape, device=device))
    fixed = counter.macs - in_slots
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
