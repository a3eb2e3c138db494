"""Memory that a forward pass needs beside the weights: its input, and the activations that live at once.

On a GPU it is what torch's allocator has held at most during the pass, beyond what it held before: kernels' workspaces
are in it. On a CPU, where no allocator keeps a peak, it is the largest sum of all tensors that live at once; what a
kernel takes inside itself is not in it. Both are the same from run to run, and know nothing of the libraries that a
process has loaded.

Shapes: B batch, C channels, H W input.
"""

import weakref
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dfnas.runtime.device import synchronize


@torch.inference_mode()
def peak_bytes(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Bytes that a forward pass needs at most, beside the weights.

    Args:
        network: in evaluation mode.
        shape: (B, C, H, W) of the input.
    """
    device = next(network.parameters()).device

    def forward() -> None:
        network(torch.empty(shape, device=device, memory_format=torch.channels_last).zero_())

    if device.type != "cuda":
        with _LiveTensors(network) as live:
            forward()
        return live.peak
    forward()  # what the libraries keep from then on
    synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    forward()
    synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


class _LiveTensors(TorchDispatchMode):
    """Bytes of all storages that operations have made and that still live, those of a network's weights aside.

    Attributes:
        peak: the most that lived at once.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.peak = self._bytes = 0
        # The storages themselves: another may have the address of one that is gone.
        self._weights = [t.untyped_storage() for t in (*network.parameters(), *network.buffers())]
        self._known = {storage._cdata for storage in self._weights}

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        made = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        self.peak = max(self.peak, self._bytes)
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        address, size = storage._cdata, storage.nbytes()
        if address not in self._known:
            self._known.add(address)
            self._bytes += size
            weakref.finalize(storage, self._gone, address, size)

    def _gone(self, address: int, size: int) -> None:
        self._known.discard(address)
        self._bytes -= size
