"""The running statistics of a supernet's BatchNorms: computed anew before a path is judged, or kept from changing."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dfnas.classifiers.norms import stored_norms
from dfnas.runtime.placement import count_on_host


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Replaces the running statistics of every BatchNorm that the batches reach.

    The statistics become the mean over all batches, each with the same weight. (A running average with
    momentum, as the release of SPOS has it, would weigh the last few batches only.)

    Args:
        batches: views (B, C, S, S).
    """
    norms = _moving(count_on_host(network))
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


@contextmanager
def statistics_kept(network: nn.Module) -> Iterator[None]:
    """Within, running statistics stay as they are to the bit, whatever runs through the network in training mode."""
    norms = _moving(network)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def _moving(network: nn.Module) -> list[_BatchNorm]:
    """The BatchNorms whose statistics a pass moves: not those that are frozen."""
    return [norm for norm in stored_norms(network) if isinstance(norm, _BatchNorm)]
