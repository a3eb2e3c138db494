"""The final layer is the one whose output is the logits, and nothing that looks like it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dfnas.measure.features import PenultimateFeatures, final_layer

IMAGES = torch.randn(5, 3, 6, 6, generator=torch.Generator().manual_seed(0))


class CosineHead(nn.Module):
    """Scores by the angle to a matrix of its own; inside is a convolution with as many outputs as there are classes."""

    def __init__(self):
        super().__init__()
        self.inner, self.prototypes = nn.Conv2d(3, 4, 1), nn.Parameter(torch.randn(4, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.inner(x).mean((2, 3)), dim=1) @ F.normalize(self.prototypes, dim=1).T


HEADS = {
    "linear": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4)),
    "convolution": lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "convolution, cut off at 0": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ),
}


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_is_found_and_its_features_give_the_logits(kind: str):
    torch.manual_seed(0)
    network = HEADS[kind]().eval()
    layer = final_layer(network, 4, IMAGES[:1])
    assert layer is next(module for module in network if isinstance(module, nn.Linear | nn.Conv2d))
    with PenultimateFeatures(layer) as features, torch.no_grad():
        logits = network(IMAGES)
        taken = features.take()
    if "cut" not in kind:
        expected = taken @ layer.weight.double().flatten(1).T + layer.bias
        torch.testing.assert_close(expected, logits.double(), rtol=1e-5, atol=1e-6)


def test_a_layer_that_only_looks_like_a_head_is_none():
    torch.manual_seed(0)
    assert final_layer(CosineHead().eval(), 4, IMAGES[:1]) is None
