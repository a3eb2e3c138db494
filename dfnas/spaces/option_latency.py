"""How long the options of a space take on this device: a table from which the time of each of its networks follows.

A network's time is taken for a sum, as in ProxylessNAS (Cai et al. 2019, section 3.3, whose table comes from a phone):

    ms(architecture) = fixed + Σ_choices ms(option chosen)

Options are timed alone. What a network costs beside them (stem, head, sums, the passage from one layer to the next) is
`fixed`: the median of what whole networks of the space, timed in the same rounds, take more than their options.
"""

import statistics
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from dfnas.measure.complexity import signature
from dfnas.measure.latency import interleaved_seconds
from dfnas.spaces.costs import CostTable
from dfnas.spaces.slot import Slot, set_mixer
from dfnas.spaces.space import Architecture, Space

BURST = 10
"""Runs of an option between two looks at a GPU's clock: within a network, too, it never waits for one layer to end."""


@dataclass(frozen=True)
class OptionLatency:
    """What was measured.

    Attributes:
        table: milliseconds of a batch.
        distinct: options that were timed; those with equal layers and equal inputs share a time.
        spread: interquartile range of an option's times over their median, in the middle of all options.
        network_ms: of each whole network, the median.
        predicted_ms: of each whole network, by the table.
    """

    table: CostTable
    distinct: int
    spread: float
    network_ms: list[float]
    predicted_ms: list[float]

    @property
    def relative_error(self) -> float:
        """Mean of |predicted - measured| / measured over the whole networks."""
        pairs = zip(self.predicted_ms, self.network_ms, strict=True)
        return statistics.fmean(abs(predicted - measured) / measured for predicted, measured in pairs)


def time_options(
    space: Space, architectures: Sequence[Architecture], device: torch.device, batch_size: int, repeats: int
) -> OptionLatency:
    """Times every distinct option of a space, and whole networks, in evaluation mode and in turn.

    Args:
        architectures: of the whole networks.
        batch_size: images per forward pass.
        repeats: timed rounds.
    """
    x = torch.rand(batch_size, space.task.channels, *space.task.size, device=device)
    x = x.contiguous(memory_format=torch.channels_last)
    options, places = _distinct_options(_deployed(space.slotted_network(), device), x)
    networks = [_deployed(space.network(architecture), device) for architecture in architectures]
    burst = BURST if device.type == "cuda" else 1
    calls = [partial(_run, option, inputs, burst) for option, inputs in options.values()]
    seconds = interleaved_seconds([*calls, *(partial(network, x) for network in networks)], device, repeats)
    of_options, of_networks = seconds[: len(calls)], seconds[len(calls) :]

    ms = {key: 1e3 * statistics.median(times) / burst for key, times in zip(options, of_options, strict=True)}
    by_choice = {choice: tuple(sum(ms[k] for k in keys) for keys in keys_of) for choice, keys_of in places.items()}
    alone = CostTable(space.choices, 0.0, by_choice)
    network_ms = [1e3 * statistics.median(times) for times in of_networks]
    beside = [whole - alone.of(a) for whole, a in zip(network_ms, architectures, strict=True)]
    table = CostTable(space.choices, statistics.median(beside), by_choice)
    spread = statistics.median(_relative_spread(times) for times in of_options)
    return OptionLatency(table, len(options), spread, network_ms, [table.of(a) for a in architectures])


def _deployed(network: nn.Module, device: torch.device) -> nn.Module:
    return network.to(device).to(memory_format=torch.channels_last).eval()


def _run(option: nn.Module, x: torch.Tensor, times: int) -> None:
    for _ in range(times):
        option(x)


@torch.inference_mode()
def _distinct_options(
    network: nn.Module, x: torch.Tensor
) -> tuple[dict[Hashable, tuple[nn.Module, torch.Tensor]], dict[str, list[list[Hashable]]]]:
    """The distinct options of a network with slots, each with an input, by a key; and the keys of every option of every
    choice, one for each slot that follows the choice."""
    found: dict[Hashable, tuple[nn.Module, torch.Tensor]] = {}
    places: dict[str, list[list[Hashable]]] = {}

    def note(slot: Slot, inputs: torch.Tensor) -> torch.Tensor:
        keys_of = places.setdefault(slot.choice, [[] for _ in slot.options])
        for keys, option in zip(keys_of, slot.options, strict=True):
            key = (signature(option), inputs.shape, inputs.stride())
            found.setdefault(key, (option, inputs.clone()))
            keys.append(key)
        return slot.options[0](inputs)  # any will do: the options of a slot agree in shape

    set_mixer(network, note)
    network(x)
    return found, places


def _relative_spread(times: list[float]) -> float:
    low, middle, high = statistics.quantiles(times, n=4)
    return (high - low) / middle if middle else 0.0
