"""Time of a forward pass, as a user of the network would feel it."""

import time
from collections.abc import Sequence

import torch
from torch import nn

from dfnas.runtime.device import synchronize

WARMUP = 5


@torch.inference_mode()
def forward_seconds(networks: Sequence[nn.Module], shape: tuple[int, ...], repeats: int) -> list[list[float]]:
    """Seconds of `repeats` forward passes of each network, taken round by round after a warm-up.

    Args:
        networks: in evaluation mode, all on one device.
        shape: (B, C, H, W) of the input.
    """
    device = next(networks[0].parameters()).device
    x = torch.rand(shape, device=device).contiguous(memory_format=torch.channels_last)
    seconds: list[list[float]] = [[] for _ in networks]
    for turn in range(-WARMUP, repeats):
        for network, times in zip(networks, seconds, strict=True):
            synchronize(device)
            begun = time.perf_counter()
            network(x)
            synchronize(device)
            if turn >= 0:
                times.append(time.perf_counter() - begun)
    return seconds
