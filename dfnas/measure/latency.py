"""Time of a forward pass, as a user of the network would feel it."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from dfnas.runtime.device import synchronize

WARMUP = 5
FEWEST = 3
"""Timed passes of a network that is slow."""


@torch.inference_mode()
def interleaved_seconds(
    calls: Sequence[Callable[[], Any]], device: torch.device, repeats: int, warmup: int = WARMUP
) -> list[list[float]]:
    """Seconds of `repeats` runs of each call, taken round by round after a warm-up, so that drift hits all alike.

    On a single CPU thread the clock is that thread's own. On an idle machine it agrees with the one on the wall; on a
    busy one it leaves out what other programs took, which is more of a long call than of a short one. With several
    threads, or on a GPU, it is the clock on the wall.

    Args:
        calls: what they run computes on `device`.
    """
    own = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.thread_time if own else time.perf_counter
    seconds: list[list[float]] = [[] for _ in calls]
    for turn in range(-warmup, repeats):
        for call, times in zip(calls, seconds, strict=True):
            synchronize(device)
            begun = clock()
            call()
            synchronize(device)
            if turn >= 0:
                times.append(clock() - begun)
    return seconds


def forward_seconds(
    networks: Sequence[nn.Module], shape: tuple[int, ...], repeats: int, limit_s: float = math.inf
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
    interleaved_seconds(calls, device, 0, warmup=1)  # in which libraries are loaded
    begun = time.perf_counter()
    interleaved_seconds(calls, device, 0, warmup=1)
    fitting = int(min(repeats, limit_s / (time.perf_counter() - begun)))
    rounds = min(repeats, max(FEWEST, fitting))
    return interleaved_seconds(calls, device, rounds, min(WARMUP, rounds) - 2)
