"""1 × 1 convolutions of stride 2 on few channels, which torch's backward pass does not survive on every CPU."""

import pytest
import torch
from torch.nn import functional as F

from dfnas.spaces.cell_operations import ShiftedPair


@pytest.mark.parametrize("inputs", [1, 4, 6, 8])
@pytest.mark.parametrize("capability", ["AVX2", "AVX512"])
@pytest.mark.parametrize("side", [8, 7])
def test_values_and_gradients_are_those_of_the_stride(monkeypatch, inputs, capability, side):
    """Contiguous images, of which every CPU computes the strided form without harm."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    pair, rng = ShiftedPair(inputs, 4).double(), torch.Generator().manual_seed(0)
    x = torch.randn(3, inputs, side, side, dtype=torch.float64, generator=rng, requires_grad=True)
    shifted = F.pad(x[:, :, 1:, 1:], (0, side % 2, 0, side % 2))
    expected = torch.cat(
        [F.conv2d(x, pair.conv.weight, stride=2), F.conv2d(shifted, pair.shifted_conv.weight, stride=2)], 1
    )
    found = pair(x)
    torch.testing.assert_close(found, expected)
    both = [torch.autograd.grad(y.square().sum(), [x, *pair.parameters()]) for y in (found, expected)]
    torch.testing.assert_close(*both)


def test_many_steps_on_few_channels_leave_the_memory_as_it_is():
    """The fault ends the process within some hundred steps where it is met."""
    pair = ShiftedPair(4, 8).to(memory_format=torch.channels_last)
    for _ in range(400):
        x = torch.randn(8, 4, 8, 8).contiguous(memory_format=torch.channels_last).requires_grad_()
        torch.autograd.grad(pair(x).square().sum(), [x, *pair.parameters()])
