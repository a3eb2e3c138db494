"""Accuracy of a network on a split.

Shapes: N images, K classes.
"""

from collections.abc import Iterable

import torch
from torch import nn

from dfnas.dataset.augment import plain_view
from dfnas.dataset.images import ImageSet
from dfnas.dataset.stored import parts_of


def predict(network: nn.Module, data: ImageSet, batch_size: int) -> torch.Tensor:
    """Logits (N, K) float32 of the plain views of a split, as `logits_of` has them."""
    parts = data.stream(parts_of(len(data), batch_size))
    return logits_of(network, (plain_view(data, part) for part in parts))  # each asked for once


@torch.no_grad()
def logits_of(network: nn.Module, views: Iterable[torch.Tensor], batch_statistics: bool = False) -> torch.Tensor:
    """Logits (N, K) float32 of batches of views, in evaluation mode; the network's mode is put back afterwards.

    Args:
        views: each (B, C, H, W).
        batch_statistics: let BatchNorm use each batch's own statistics, for supernets whose running ones mix
            all paths.
    """
    was_training = network.training
    network.eval()
    if batch_statistics:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train()
    logits = torch.cat([network(batch) for batch in views]).float()
    network.train(was_training)
    return logits


def top_k_errors(logits: torch.Tensor, targets: torch.Tensor, k: int) -> torch.Tensor:
    """bool (N,): whether the target, int64 (N,), is not among the k largest logits."""
    best = logits.topk(min(k, logits.shape[1]), dim=1).indices
    return (best != targets[:, None]).all(1)


def error_rate(logits: torch.Tensor, targets: torch.Tensor, k: int = 1) -> float:
    """Share of top-k errors."""
    return top_k_errors(logits, targets, k).double().mean().item()
