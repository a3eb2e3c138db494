"""All scores of an architecture: on every space, on noise and on images, and independent of what came before."""

import math
import random

import pytest
import torch
from torch import nn

from dfnas.proxies.inputs import image_batches, noise_batches
from dfnas.proxies.scoring import Scorer, scored_space
from dfnas.proxies.untrained import untrained
from dfnas.runtime.errors import InputError
from dfnas.settings.proxies import PROXIES
from dfnas.settings.search import SpaceSettings
from dfnas.spaces.blocks import blocks_of
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task

TASK, CPU = Task(1, 8, 3), torch.device("cpu")
SIZES = {
    "darts": {"channels": 4, "search_channels": 4, "cells": 3, "search_cells": 3, "nodes": 2, "auxiliary": True},
    "mbconv": {"stem_width": 4, "stem_stride": 1, "first_width": 4, "widths": [4, 8], "depths": [2, 1]}
    | {"strides": [1, 2], "last_width": 8, "dropout": 0.5},
    "shufflenet": {"stem_width": 4, "stem_stride": 1, "widths": [8, 16], "depths": [2, 1], "strides": [1, 2]}
    | {"last_width": 8},
    "nasbench201": {"channels": 4, "cells_per_stage": 1},
}
BLOCKS = {"darts": 1 + 3, "shufflenet": 1 + 3, "nasbench201": 1 + 3 + 2}  # of mbconv some may be left out


def space_of(name: str, task: Task = TASK):
    return make(name, task, SIZES[name])


def architecture_of(space, seed: int = 1) -> dict[str, str]:
    return space.sample(random.Random(seed))


def scorer(space, proxies=PROXIES, seed: int = 0) -> Scorer:
    return Scorer(space, space, proxies, noise_batches(space.task, 8, seed, CPU), seed)


@pytest.mark.parametrize("task", [TASK, Task(3, (9, 13), 2)], ids=["square", "odd"])
@pytest.mark.parametrize("name", SIZES)
def test_every_score_is_there_on_every_space(name, task):
    space = space_of(name, task)
    found = scorer(space).of(architecture_of(space))
    assert list(found) == ["macs_m", "params_m", *PROXIES]
    assert all(math.isfinite(score) for proxy, score in found.items() if proxy != "trainability")
    assert not math.isnan(found["trainability"])


@pytest.mark.parametrize("name", SIZES)
def test_a_score_depends_on_nothing_but_architecture_batches_and_seed(name):
    space = space_of(name)
    before = scorer(space)
    first = before.of(architecture_of(space))
    before.of(architecture_of(space, 2))
    torch.randn(7)
    assert before.of(architecture_of(space)) == first
    alone = {
        proxy: score for each in PROXIES for proxy, score in scorer(space, [each]).of(architecture_of(space)).items()
    }
    assert alone == first
    assert scorer(space, seed=1).of(architecture_of(space))["grad_norm"] != first["grad_norm"]


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_are_the_stem_and_what_is_stacked_on_it(name):
    space = space_of(name)
    network = untrained(space, architecture_of(space), 0, kaiming=True)
    assert len(space.feature_blocks(network)) == BLOCKS[name]


def test_blocks_of_networks_of_other_forms():
    unit, other = (nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU()) for _ in range(2))
    stem, head = nn.Conv2d(1, 2, 1), nn.Linear(2, 2)
    flat = nn.Sequential(stem, unit, other, nn.Flatten(), head)
    assert blocks_of(flat) == [stem, unit, other]

    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.features, self.head = flat[:3], head

    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.cells, self.head = stem, nn.ModuleList([unit, other]), head

    assert blocks_of(Wrapped()) == blocks_of(Listed()) == [stem, unit, other]
    assert blocks_of(nn.Sequential(stem, unit, head)) == [stem, unit]
    assert blocks_of(nn.Sequential(stem, head)) == []


def test_a_space_may_say_what_its_blocks_are():
    space = space_of("nasbench201")
    whole = scorer(space, ["expressivity"]).of(architecture_of(space))
    space.feature_blocks = lambda network: blocks_of(network)[:3]
    assert scorer(space, ["expressivity"]).of(architecture_of(space))["expressivity"] < whole["expressivity"]


def test_networks_may_be_scored_in_smaller_sizes_while_costs_are_of_the_final_ones():
    settings = SpaceSettings(name="nasbench201", options=SIZES["nasbench201"])
    space = space_of("nasbench201")
    assert scored_space(settings, space, {}) is space
    small = scored_space(settings, space, {"channels": 2})
    found = Scorer(space, small, PROXIES, noise_batches(TASK, 8, 0, CPU), 0).of(architecture_of(space))
    final = scorer(space).of(architecture_of(space))
    assert (found["macs_m"], found["params_m"]) == (final["macs_m"], final["params_m"])
    assert found["synflow"] < final["synflow"]


def test_sizes_that_change_the_choices_are_one_line():
    settings = SpaceSettings(name="mbconv", options=SIZES["mbconv"])
    with pytest.raises(InputError, match=r"network_options .* other choices; expected sizes that leave"):
        scored_space(settings, space_of("mbconv"), {"kernels": [3]})


def test_noise_is_of_the_task_and_images_come_normalised_with_their_labels(make_images):
    (images, targets), (more, _) = noise_batches(Task(3, (8, 12), 5), 16, 0, CPU)
    assert images.shape == (16, 3, 8, 12)
    assert targets.shape == (16, 5)
    assert (targets.sum(1) == 1).all()
    assert not torch.equal(images, more)
    data = make_images()
    (images, targets), (more, _) = image_batches(data, 16, 0)
    assert images.shape == (16, 1, 8, 8)
    places = [(data.soft_labels == label).all(1).nonzero().item() for label in targets]
    assert len(set(places)) == 16
    centre = (data.images[places, :, 1:9, 1:9].float() / 255 - 0.5) / 0.25
    assert torch.allclose(images, centre, atol=1e-5)
    assert not torch.equal(image_batches(data, 16, 1)[0][0], images)
    assert torch.equal(image_batches(data, 16, 0)[1][0], more)


def test_too_few_images_are_one_line(make_images):
    with pytest.raises(InputError, match="batch_size = 64 is more than the 48 images"):
        image_batches(make_images(), 64, 0)
