"""BatchNorm statistics of one path of a supernet, computed anew before the path is judged."""

from collections.abc import Iterable

import torch
from torch import nn


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Replaces the running statistics of every BatchNorm that the batches reach.

    The statistics become the mean over all batches, each with the same weight. (A running average with
    momentum, as the release of SPOS has it, would weigh the last few batches only.)

    Args:
        batches: views (B, C, S, S).
    """
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    was_training = network.training
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch: cumulative mean
        norm.train()
    for views in batches:
        network(views)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.train(was_training)
