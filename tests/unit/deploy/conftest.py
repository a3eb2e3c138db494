"""Networks to deploy, of each space."""

import random
from collections.abc import Callable

import pytest
import torch
from torch import nn

from dfnas.deploy.network import to_bytes
from dfnas.spaces.architecture import describe
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task

TASK = Task(channels=2, size=(8, 12), classes=3)
CELLS = {"channels": 2, "search_channels": 2, "cells": 3, "search_cells": 3, "nodes": 2}
CHAIN = {"stem_width": 4, "stem_stride": 1, "widths": [8, 16], "depths": [2, 2], "strides": [1, 2], "last_width": 8}
OPTIONS = {
    "darts": CELLS | {"auxiliary": True},
    "mbconv": CHAIN | {"first_width": 4},
    "shufflenet": CHAIN,
    "nasbench201": {"channels": 2, "cells_per_stage": 1},
}
MEAN, STD = (0.3, 0.6), (0.25, 0.5)


@pytest.fixture(scope="session")
def trained() -> Callable[[str], tuple[nn.Module, bytes]]:
    """trained(space): a network whose BatchNorms have seen data, in evaluation mode, and its file."""

    def network_and_file(name: str) -> tuple[nn.Module, bytes]:
        space = make(name, TASK, OPTIONS[name])
        choices = space.sample(random.Random(3))
        torch.manual_seed(0)
        network = space.network(choices)
        for _ in range(3):
            network(torch.randn(8, TASK.channels, *TASK.size))
        document = describe(name, OPTIONS[name], space, choices, {})
        said = {"mean": MEAN, "std": STD}
        content = to_bytes(space.deployed(network).eval(), document, said, ("a", "b", "ç"), {"stage": "test"})
        return network, content

    return network_and_file
