"""How a network lies on a device."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def placed(network: nn.Module, device: torch.device) -> nn.Module:
    """The network on a device, channels last, its BatchNorms counting on the CPU, see `count_on_host`."""
    counters = [(norm, norm.num_batches_tracked) for norm in _counting(network)]
    network.to(device).to(memory_format=torch.channels_last)
    for norm, counter in counters:
        norm.num_batches_tracked = counter  # from before, so that no device is asked for it
    return count_on_host(network)


def count_on_host(network: nn.Module) -> nn.Module:
    """The network, whose BatchNorms count their batches on the CPU from now on.

    On a GPU every counter starts a kernel at every pass, and the host waits for it where a mean is cumulative. Nothing
    on the device needs the counts; states have them as before.
    """
    for norm in _counting(network):
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked = norm.num_batches_tracked.cpu()
    return network


def _counting(network: nn.Module) -> list[_BatchNorm]:
    norms = (module for module in network.modules() if isinstance(module, _BatchNorm))
    return [norm for norm in norms if norm.num_batches_tracked is not None]
