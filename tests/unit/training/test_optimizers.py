"""Stochastic gradient descent as the recipes set it up."""

import pytest
import torch
from torch import nn

from dfnas.training.optimizers import clip_gradients, sgd


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


def decays(optimizer) -> dict[int, float]:
    return {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}


@pytest.mark.parametrize("everything", [True, False])
def test_decay_is_on_matrices_and_kernels_and_on_vectors_if_asked_for(everything):
    net = network()
    found = decays(sgd(net, 0.1, 0.9, 0.01, decay_norms_and_biases=everything))
    assert [found[id(p)] for p in net.parameters()] == [
        0.01 if everything or p.ndim > 1 else 0.0 for p in net.parameters()
    ]


def test_frozen_parameters_are_left_out():
    net = network()
    net[0].requires_grad_(False)
    assert len(decays(sgd(net, 0.1, 0.9, 0.01))) == 4


@pytest.mark.parametrize("nesterov", [True, False])
def test_steps_follow_the_textbook(nesterov):
    net = nn.Linear(2, 1, bias=False)
    optimizer = sgd(net, 0.1, 0.9, 0.01, nesterov=nesterov)
    weight, velocity = net.weight.detach().clone(), torch.zeros(1, 2)
    for gradient in (torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 3.0]]), torch.tensor([[-1.0, 0.0]])):
        net.weight.grad = gradient.clone()
        optimizer.step()
        decayed = gradient + 0.01 * weight
        velocity = 0.9 * velocity + decayed
        weight = weight - 0.1 * (decayed + 0.9 * velocity if nesterov else velocity)
        torch.testing.assert_close(net.weight.detach(), weight)


@pytest.mark.parametrize(("bound", "norm"), [(0.0, 5.0), (2.5, 2.5), (10.0, 5.0)])
def test_gradients_are_scaled_down_to_the_bound_and_zero_is_none(bound, norm):
    parameters = [torch.zeros(1, requires_grad=True) for _ in range(3)]
    parameters[0].grad, parameters[1].grad = torch.tensor([3.0]), torch.tensor([-4.0])
    clip_gradients(parameters, bound)
    assert parameters[0].grad.item() == pytest.approx(3 * norm / 5, rel=1e-5)
    assert parameters[1].grad.item() == pytest.approx(-4 * norm / 5, rel=1e-5)
    assert parameters[2].grad is None
