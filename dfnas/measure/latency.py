"""Time of a forward pass, as a user of the network would feel it."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from dfnas.runtime.device import synchronize

WARMUP_S = 0.5
"""Of work before anything is timed: a GPU's clock, and a CPU's, takes some tenths of a second to rise."""
FEWEST = 3
"""Timed passes of a network that is slow."""

Calls = Sequence[Callable[[], Any]]


@torch.inference_mode()
def interleaved_seconds(
    calls: Calls, device: torch.device, repeats: int, warmup_s: float = WARMUP_S
) -> list[list[float]]:
    """Seconds of `repeats` runs of each call, taken round by round after `warm_up`, so that drift hits all alike.

    On a single CPU thread the clock is that thread's own. On an idle machine it agrees with the one on the wall; on a
    busy one it leaves out what other programs took, which is more of a long call than of a short one. With several
    threads, or on a GPU, it is the clock on the wall.

    Args:
        calls: what they run computes on `device`.
    """
    warm_up(calls, device, warmup_s)
    return _timed(calls, device, repeats)


@torch.inference_mode()
def warm_up(calls: Calls, device: torch.device, seconds: float) -> float:
    """Runs all calls in turn until they have taken so many seconds, on the wall, but twice at least: in the first round
    libraries are loaded. Returns the seconds of the last round."""
    rounds, took, begun = 0, 0.0, time.perf_counter()
    while rounds < 2 or time.perf_counter() - begun < seconds:
        before = time.perf_counter()
        for call in calls:
            call()
        synchronize(device)
        rounds, took = rounds + 1, time.perf_counter() - before
    return took


def forward_seconds(
    networks: Sequence[nn.Module],
    shape: tuple[int, ...],
    repeats: int,
    limit_s: float = math.inf,
    warmup_s: float = WARMUP_S,
) -> list[list[float]]:
    """Seconds of `repeats` forward passes of each network, see `interleaved_seconds`.

    Args:
        networks: in evaluation mode, all on one device.
        shape: (B, C, H, W) of the input.
        limit_s: time that they may take together; where they are slower, fewer passes are timed, but FEWEST at least.
    """
    device = next(networks[0].parameters()).device
    x = torch.rand(shape, device=device).contiguous(memory_format=torch.channels_last)
    calls = [lambda network=network: network(x) for network in networks]
    a_round = warm_up(calls, device, warmup_s)
    return _timed(calls, device, min(repeats, max(FEWEST, int(min(repeats, limit_s / a_round)))))


@torch.inference_mode()
def _timed(calls: Calls, device: torch.device, rounds: int) -> list[list[float]]:
    own = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.thread_time if own else time.perf_counter
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, times in zip(calls, seconds, strict=True):
            synchronize(device)
            begun = clock()
            call()
            synchronize(device)
            times.append(clock() - begun)
    return seconds
