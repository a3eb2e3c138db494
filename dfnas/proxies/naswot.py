"""NASWOT (Mellor et al. 2021, "Neural Architecture Search without Training"; BayesWatch/nas-without-training).

How well an untrained network tells the images of a batch apart: each image switches some of the units of all ReLUs on.
With K_ij the number of units that images i and j have in the same state, the score is log det K.

Shapes: B batch, U units of a layer.
"""

import torch
from torch import nn


@torch.no_grad()
def naswot(network: nn.Module, images: torch.Tensor) -> float:
    """The score for images (B, C, H, W). -inf where two of them cannot be told apart, or the network has no ReLU."""
    agreement = torch.zeros(len(images), len(images), dtype=torch.float64, device=images.device)

    def count(layer: nn.Module, inputs: object, output: torch.Tensor) -> None:
        on = (output > 0).flatten(1).float()  # (B, U)
        both, own = (on @ on.T).double(), on.sum(1).double()
        # on·onᵀ + (1 - on)·(1 - on)ᵀ
        agreement.add_(2 * both - own[:, None] - own[None, :] + on.shape[1])

    layers = [layer for layer in network.modules() if isinstance(layer, nn.ReLU | nn.ReLU6)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    try:
        network(images)
    finally:
        for handle in handles:
            handle.remove()
    return torch.linalg.slogdet(agreement).logabsdet.item()
