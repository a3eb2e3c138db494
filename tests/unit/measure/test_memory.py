"""Memory of a forward pass beside the weights, against sums by hand."""

from random import Random

import pytest
import torch
from torch import nn

from dfnas.measure.memory import peak_bytes

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")),
]


class Flat(nn.Sequential):
    """Holds its input to the end, as whoever calls a network does."""

    def forward(self, x):
        return super().forward(x.flatten(1))


@pytest.mark.parametrize("batch", [1, 64])
def test_input_and_the_activations_that_live_at_once(batch):
    """Widest while the ReLU runs: input, what goes into it and what comes out; the weights are not counted."""
    network = Flat(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10)).eval()
    assert peak_bytes(network, (batch, 1, 8, 8)) == 4 * batch * (64 + 100 + 100)


def test_what_is_gone_counts_no_more_and_views_count_once():
    deep = Flat(
        nn.Linear(64, 100), *(nn.Sequential(nn.ReLU(), nn.Unflatten(1, (10, 10)), nn.Flatten()) for _ in range(9))
    )
    assert peak_bytes(deep.eval(), (2, 1, 8, 8)) == 4 * 2 * (64 + 100 + 100)


def test_what_works_in_place_needs_nothing():
    network = Flat(nn.Linear(64, 100), nn.ReLU(inplace=True)).eval()
    assert peak_bytes(network, (2, 1, 8, 8)) == 4 * 2 * (64 + 100)


class Branches(nn.Module):
    """Two branches that both live until they are joined."""

    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Conv2d(3, 5, 1), nn.Conv2d(3, 7, 1)

    def forward(self, x):
        return torch.cat([self.one(x), self.other(x)], 1)


def test_branches_live_until_they_are_joined():
    assert peak_bytes(Branches().eval(), (2, 3, 8, 8)) == 4 * 2 * 64 * (3 + 5 + 7 + 12)


@pytest.mark.parametrize("device", DEVICES)
def test_every_space_needs_more_for_more_images_and_the_same_again(spaces, device):
    for space in spaces.values():
        network = space.network(space.sample(Random(0))).to(device).eval()
        one, many = (peak_bytes(network, (batch, 1, 8, 8)) for batch in (1, 16))
        assert 0 < one < many
        assert peak_bytes(network, (16, 1, 8, 8)) == many
        if device == "cpu":
            assert many == 16 * one
