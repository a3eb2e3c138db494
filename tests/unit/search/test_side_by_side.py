"""Slots of one input that are computed at once, against each slot by itself: values, statistics, gradients."""

import copy

import pytest
import torch
from torch import nn

from dfnas.search.edges import EdgeWeights
from dfnas.search.mixture import SoftmaxMixture
from dfnas.search.perturbation import Decisions
from dfnas.search.recalibration import statistics_kept
from dfnas.search.side_by_side import mixtures
from dfnas.spaces.cell_operations import darts_options
from dfnas.spaces.partial_channels import PartialSlot
from dfnas.spaces.registry import make
from dfnas.spaces.slot import Slot, announce, set_mixer, slots
from dfnas.spaces.space import Task

CELLS = {"nodes": 3, "channels": 4, "cells": 3, "search_channels": 4, "search_cells": 3}
SPACES = {
    "cells": ("darts", CELLS),
    "partial channels": ("darts", CELLS | {"search_partial_channels": 2}),
    "stem of ImageNet": ("darts", CELLS | {"nodes": 2, "search_cells": 1, "stem": "imagenet"}),
    "nasbench201": ("nasbench201", {"channels": 4, "cells_per_stage": 1}),
}


class Ahead(SoftmaxMixture):
    """Works ahead on a CPU as it does on a GPU; remembers how many slots at a time."""

    def __init__(self):
        super().__init__()
        self.together = []

    def ahead(self, slots, x):
        self.together.append(len(slots))
        self.prepare(slots, x)


def space_of(name: str):
    kind, options = SPACES[name]
    return make(kind, Task(3, 15, 5), options)


def supernet_of(space) -> nn.Module:
    torch.manual_seed(0)
    return space.supernet().double().train()


def weights_of(space) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    drawn = {c: torch.randn(len(o), generator=generator, dtype=torch.float64) for c, o in space.choices.items()}
    return {choice: values.softmax(0).requires_grad_() for choice, values in drawn.items()}


def outcome(network: nn.Module, mixture: SoftmaxMixture, weights: dict[str, torch.Tensor]):
    """Logits, the gradients of something of them, and what the network's norms have kept."""
    mixture.weights = weights
    x = torch.randn(4, 3, 15, 15, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    logits = network(x)
    loss = (logits * torch.arange(logits.numel()).view_as(logits).sin()).sum()
    leaves = [*weights.values(), *network.parameters()]
    return logits, torch.autograd.grad(loss, leaves, allow_unused=True), list(network.buffers())


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", SPACES)
def test_a_supernet_is_the_same_either_way(name, mode):
    space = space_of(name)
    network, weights = supernet_of(space).train(mode == "train"), weights_of(space)
    twin, ahead = copy.deepcopy(network), Ahead()
    set_mixer(network, SoftmaxMixture())
    set_mixer(twin, ahead)
    torch.testing.assert_close(outcome(twin, ahead, weights), outcome(network, next(slots(network)).mixer, weights))
    assert sum(ahead.together) == len(list(slots(network)))
    assert max(ahead.together) > 1
    assert ahead.ready == {}


def test_statistics_that_are_kept_stay_to_the_bit():
    space = space_of("cells")
    network, ahead = supernet_of(space), Ahead()
    set_mixer(network, ahead)
    before = [b.clone() for name, b in network.named_buffers() if "running" in name]
    with statistics_kept(network):
        outcome(network, ahead, weights_of(space))
    after = [b for name, b in network.named_buffers() if "running" in name]
    assert all(map(torch.equal, before, after))


def test_edges_are_weighed_and_decisions_hold():
    space = space_of("partial channels")
    network, weights = supernet_of(space), weights_of(space)
    twin = copy.deepcopy(network)
    edges = list(space.choices)
    found = []
    for each, mixture in ((network, SoftmaxMixture()), (twin, Ahead())):
        decisions = Decisions(space, mixture)
        decisions.decided, decisions.removed = {edges[0]: 4}, {edges[3]}
        set_mixer(each, decisions)
        weighed = EdgeWeights(slots(each))
        weighed.weights = {edges[1]: 0.3, edges[3]: 0.0}
        found.append(outcome(each, mixture, weights))
    torch.testing.assert_close(found[1], found[0])
    assert sum(mixture.together) < len(list(slots(network)))


def test_any_layers_will_do():
    class Twice(nn.Module):
        def forward(self, x):
            return 2 * x

    def options() -> dict[str, nn.Module]:
        return {
            "module": Twice(),
            "after a pool": nn.Sequential(nn.AvgPool2d(3, 1, 1), nn.Conv2d(4, 4, 1), nn.Sigmoid()),
            "in groups": nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1, groups=2), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)),
            "reflected": nn.Conv2d(4, 4, 3, 1, 1, padding_mode="reflect"),
            "norm first": nn.Sequential(nn.BatchNorm2d(4, affine=False), nn.Conv2d(4, 4, 1), nn.Identity()),
            "norms": nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, affine=False, eps=1e-2, momentum=0.3)),
            "norm with weights": nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.BatchNorm2d(4)),
            "in place": nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True)),
            **darts_options(4, 1, affine=False),
        }

    torch.manual_seed(0)
    several = [Slot(str(i), options()).double() for i in range(3)]
    twins, mixture = copy.deepcopy(several), SoftmaxMixture()
    x = torch.randn(3, 4, 6, 6, dtype=torch.float64)
    weights = torch.randn(3, len(several[0].options), dtype=torch.float64)
    mixture.weights = {str(i): row for i, row in enumerate(weights)}
    torch.testing.assert_close(list(mixtures(several, weights, x)), [mixture(slot, x) for slot in twins])
    for slot, twin in zip(several, twins, strict=True):
        torch.testing.assert_close(slot.state_dict(), twin.state_dict())


def test_slots_of_one_form_are_announced_together_with_what_they_see():
    seen = []

    class Listening(SoftmaxMixture):
        def ahead(self, slots, x):
            seen.append(([slot.choice for slot in slots], x.shape[1]))

    def slot(choice: str, stride: int) -> Slot:
        return PartialSlot(choice, darts_options(4, stride, affine=False), 2, stride)

    announced = [slot("a", 1), nn.Identity(), slot("b", 2), slot("c", 1), slot("without a mixer", 1)]
    for each in announced[:4]:
        each.mixer = Listening()
    announce(announced, torch.zeros(1, 8, 4, 4))
    assert seen == [(["a", "c"], 4), (["b"], 4)]


def test_a_cpu_computes_each_slot_by_itself():
    space = space_of("cells")
    network, mixture = supernet_of(space), SoftmaxMixture()
    mixture.weights = weights_of(space)
    announce(slots(network), torch.zeros(1, 4, 8, 8, dtype=torch.float64))
    mixture.ahead(list(slots(network)), torch.zeros(1, 4, 8, 8, dtype=torch.float64))
    assert mixture.ready == {}
