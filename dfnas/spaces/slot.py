"""The choice slot: the one place where a space and a search algorithm meet.

A space puts slots into its network and names the choice that each of them follows. An algorithm puts a
*mixer* into the slots and thereby decides what becomes of the options: a weighted sum (DARTS), one sampled
path (SPOS), binary gates (ProxylessNAS). Neither knows the other.

Shapes: B batch, C channels, H W space.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import nn


class Mixer(Protocol):
    """How an algorithm combines the options of a slot: maps the slot and its input to the slot's output."""

    def __call__(self, slot: "Slot", x: torch.Tensor, /) -> torch.Tensor: ...


@runtime_checkable
class Foresight(Protocol):
    """A mixer that works ahead: what it computes for slots alike at once, it gives when they are run."""

    def ahead(self, slots: Sequence["Slot"], x: torch.Tensor, /) -> None: ...


class Slot(nn.Module):
    """A position of the network at which one of several options is chosen.

    Slots that share `choice` (a DARTS edge repeats in every cell of its kind) are decided together.

    Args:
        choice: name of the choice that this slot follows, a key of `Space.choices`.
        options: the candidate operations by name, in the order of `Space.choices[choice]`. All map
            (B, C, H, W) to outputs of one common shape.
    """

    def __init__(self, choice: str, options: Mapping[str, nn.Module]):
        super().__init__()
        self.choice = choice
        self.names = tuple(options)
        self.options = nn.ModuleList(options.values())
        self.mixer: Mixer | None = None

    @functools.cached_property
    def layers(self) -> tuple[tuple[nn.Module, ...], ...]:
        """Of every option what it applies one after the other, for mixers that share work between options: the parts
        of an `nn.Sequential`, nested ones taken apart too; of any other module itself."""
        return tuple(tuple(_in_turn(option)) for option in self.options)

    @functools.cached_property
    def form(self) -> str:
        """The same for slots with the same options, but for their parameters."""
        return repr(self.options)

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """What the options see of the slot's input."""
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert self.mixer is not None, f"slot {self.choice} was run before an algorithm gave it a mixer"
        return self.mixer(self, x)


def _in_turn(module: nn.Module) -> Iterator[nn.Module]:
    if type(module) is not nn.Sequential:
        yield module
    else:
        for part in module:
            yield from _in_turn(part)


def slots(network: nn.Module) -> Iterator[Slot]:
    """All slots of a network, in the order of its modules."""
    return (module for module in network.modules() if isinstance(module, Slot))


def set_mixer(network: nn.Module, mixer: Mixer) -> None:
    """Gives every slot of the network the same mixer."""
    for slot in slots(network):
        slot.mixer = mixer


def announce(modules: Iterable[nn.Module], x: torch.Tensor) -> None:
    """Tells that all of these modules are about to be run on x, as are the edges that leave a state of a cell: mixers
    with foresight may compute slots among them at once."""
    alike: dict[str, list[Slot]] = {}
    for module in modules:
        if isinstance(module, Slot) and isinstance(module.mixer, Foresight):
            alike.setdefault(module.form, []).append(module)
    for waiting in alike.values():
        mixer = waiting[0].mixer
        assert isinstance(mixer, Foresight)
        mixer.ahead(waiting, waiting[0].seen(x))


class SinglePath:
    """The mixer that runs one option per choice; `path` maps each choice to the index of its option."""

    def __init__(self, path: Mapping[str, int] | None = None):
        self.path = dict(path or {})

    def __call__(self, slot: Slot, x: torch.Tensor) -> torch.Tensor:
        return slot.options[self.path[slot.choice]](x)
