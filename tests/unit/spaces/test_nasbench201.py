"""The cells of NAS-Bench-201: their notation, and which of them learn nothing."""

import itertools
import random

import pytest
import torch
from notations import of_cell
from torch import nn

from dfnas.runtime.errors import InputError
from dfnas.spaces.nasbench201 import OPERATIONS, NASBench201Space
from dfnas.spaces.space import Task

SPACE = NASBench201Space(Task(channels=1, size=8, classes=3), channels=2, cells_per_stage=1)
ALL_SKIP = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"


def test_every_cell_has_a_string_of_its_own():
    cells = [dict(zip(SPACE.choices, options, strict=True)) for options in itertools.product(OPERATIONS, repeat=6)]
    strings = {SPACE.to_string(cell) for cell in cells}
    assert len(strings) == 15_625
    assert ALL_SKIP in strings
    assert [SPACE.from_string(SPACE.to_string(cell)) for cell in cells] == cells


@pytest.mark.parametrize("text", ["", "1-0=none", "|none~0|", "|none~0|+|none~0|none~2|+|none~0|none~1|none~2|"])
def test_what_is_no_cell_is_not_read_as_one(text):
    with pytest.raises(InputError):
        SPACE.from_string(text)


@pytest.mark.parametrize(
    ("cell", "nothing"),
    [
        (ALL_SKIP, True),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", True),
        ("|avg_pool_3x3~0|+|skip_connect~0|none~1|+|avg_pool_3x3~0|none~1|none~2|", True),
        # Convolutions on dead ends, and none that the input reaches.
        ("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|skip_connect~0|none~1|none~2|", True),
        ("|none~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|", True),
        ("|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|nor_conv_1x1~2|", False),
        ("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|", False),
    ],
)
def test_a_cell_learns_nothing_where_no_convolution_lies_on_a_way_to_the_output(cell, nothing):
    assert SPACE.learns_nothing(of_cell(cell)) == nothing


@pytest.mark.parametrize("seed", range(60))
def test_a_cell_learns_nothing_where_the_loss_reaches_none_of_its_weights(seed):
    """Against automatic differentiation: the weights of such a cell's convolutions have no gradient, or zeros."""
    architecture = SPACE.sample(random.Random(seed))
    torch.manual_seed(seed)
    network = SPACE.network(architecture)
    cells = [module for module in network if type(module).__name__ == "Cell"]
    images = torch.randn(4, 1, 8, 8)
    network(images).square().sum().backward()
    weights = [m.weight.grad for cell in cells for m in cell.modules() if isinstance(m, nn.Conv2d)]
    learns = any(gradient is not None and gradient.abs().max() > 0 for gradient in weights)
    assert SPACE.learns_nothing(architecture) != learns


def test_what_is_of_another_space_is_refused():
    with pytest.raises(InputError, match="does not say what '1-0' is"):
        SPACE.learns_nothing({})
