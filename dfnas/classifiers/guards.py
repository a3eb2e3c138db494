"""What a network's forward pass does beside its answer, and hooks that keep it from doing harm.

Three habits can be lived with: writing into the input, drawing random numbers that the answer does not depend on, and
taking images in one memory layout alone (`x.view(len(x), -1)` behind a convolution). Whoever reads the input after
the network, draws from the same generators, or works channels-last would otherwise be led astray.

Shapes: B batch, C channels, H W input.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn


def guarded_pass(network: nn.Module, images: torch.Tensor) -> Any:
    """The output for images (B, C, H, W), after which the network has the guards that this pass has shown it to need.

    Raises whatever the network raises of an input that it does not take in any layout.
    """
    before = _random_states()
    try:
        output = _watched(network, images.contiguous(memory_format=torch.channels_last))
    except Exception:  # a network of the user's: whether it is the layout shows in the other one
        output = _watched(network, images.contiguous())
        network.register_forward_pre_hook(_made_contiguous)
    if not _same(before, _random_states()):
        _restore(before)
        guard = _KeptStates()
        network.register_forward_pre_hook(guard.keep)
        network.register_forward_hook(guard.restore, always_call=True)
    return output


def layout_of(network: nn.Module) -> torch.memory_format:
    """The memory layout that the network's weights may have: channels-last, unless its images must be contiguous."""
    guarded = _made_contiguous in network._forward_pre_hooks.values()
    return torch.contiguous_format if guarded else torch.channels_last


def _watched(network: nn.Module, images: torch.Tensor) -> Any:
    """The output; the network gets copies from now on if it writes into its input."""
    kept, version = images.clone(), images._version  # which counts what writes the same values, too
    output = network(images)
    if images._version != version or not torch.equal(images, kept):
        network.register_forward_pre_hook(_copied)
    return output


def _copied(network: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(images.clone() for images in inputs)


def _made_contiguous(network: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(images.contiguous() for images in inputs)


class _KeptStates:
    """Puts the generators of random numbers back to what they were before a pass."""

    def __init__(self) -> None:
        self._states: dict[str, Any] = {}

    def keep(self, network: nn.Module, inputs: Any) -> None:
        self._states = _random_states()

    def restore(self, network: nn.Module, inputs: Any, output: Any) -> None:
        _restore(self._states)


@contextmanager
def generators_kept() -> Iterator[None]:
    """Puts the generators of random numbers back to what they were: torch's, numpy's and Python's."""
    states = _random_states()
    try:
        yield
    finally:
        _restore(states)


def _random_states() -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {"torch": [torch.get_rng_state(), *cuda], "numpy": np.random.get_state(), "random": random.getstate()}


def _restore(states: dict[str, Any]) -> None:
    torch.set_rng_state(states["torch"][0])
    if len(states["torch"]) > 1:
        torch.cuda.set_rng_state_all(states["torch"][1:])
    np.random.set_state(states["numpy"])
    random.setstate(states["random"])


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    same_numpy = all(np.array_equal(a, b) for a, b in zip(one["numpy"], other["numpy"], strict=True))
    same_torch = all(torch.equal(a, b) for a, b in zip(one["torch"], other["torch"], strict=True))
    return same_numpy and same_torch and one["random"] == other["random"]
