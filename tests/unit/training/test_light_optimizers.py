"""Our optimisers are torch's, and load no compiler."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from dfnas.training.optimizers import adam, sgd


def trained(make, steps: int, halfway: int | None = None) -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))
    optimizer = make(network)
    for step in range(steps):
        if step == halfway:  # resumed from a saved state
            state, optimizer = optimizer.state_dict(), make(network)
            optimizer.load_state_dict(state)
        optimizer.zero_grad(set_to_none=True)
        network(torch.arange(24.0).view(6, 4).sin()).square().mean().backward()
        optimizer.step()
    return network


def plain_sgd(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True, foreach=True)


@pytest.mark.parametrize("halfway", [None, 3])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda network: sgd(network, 0.1, 0.9, 0.01, nesterov=True), plain_sgd),
        (lambda network: adam(network.parameters(), lr=0.1), lambda net: torch.optim.Adam(net.parameters(), lr=0.1)),
    ],
    ids=["sgd", "adam"],
)
def test_steps_have_the_same_bits(ours, theirs, halfway):
    found, expected = trained(ours, 6, halfway), trained(theirs, 6)
    for one, other in zip(found.parameters(), expected.parameters(), strict=True):
        assert torch.equal(one, other)
        assert one.requires_grad
        assert one.grad_fn is None


def test_a_step_loads_no_compiler():
    code = """
import sys
import torch
from dfnas.training.optimizers import adam, sgd
network = torch.nn.Linear(2, 2)
for optimizer in (sgd(network, 0.1, 0.9, 0.0), adam(network.parameters())):
    optimizer.zero_grad()
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
