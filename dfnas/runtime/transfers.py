"""What goes between the host and a device while it works. Nobody waits for what is sent, what never changes is sent
once, and what the host has to know it fetches together.

A copy from ordinary memory waits until all that is queued on a GPU is done. One from pinned memory is queued itself.
"""

import functools
from collections.abc import Mapping

import torch


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor of the CPU on a device, without a wait; itself where it is there already.

    Torch keeps the pinned copy until the device has it.
    """
    return tensor if tensor.device.type == device.type else tensor.pin_memory().to(device, non_blocking=True)


def fetched(values: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors (N,) of one dtype on the CPU, without a graph: the host waits once, not for each of them."""
    together = torch.cat([value.detach() for value in values.values()]).cpu()
    parts = together.split([len(value) for value in values.values()])
    return {name: part.clone() for name, part in zip(values, parts, strict=True)}  # each kept on its own


@functools.lru_cache(maxsize=256)
def constant(values: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """float32 (N,), the same tensor at every call: not to be changed."""
    with torch.inference_mode(False):  # else autograd would refuse it wherever it is used next
        return torch.tensor(values, dtype=torch.float32, device=device)
