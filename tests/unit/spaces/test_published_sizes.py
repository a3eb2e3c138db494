"""The networks of the spaces against the sizes that the methods publish, or that their public code gives.

Figures in millions are as published, rounded; whole numbers are exact.
"""

import random
import statistics

import pytest
import torch
from notations import of_cell, of_genotype

from dfnas.measure.complexity import count_macs, count_parameters
from dfnas.spaces.darts import CellSpace
from dfnas.spaces.mbconv import MBConvSpace
from dfnas.spaces.nasbench201 import NASBench201Space
from dfnas.spaces.shufflenet import OPTIONS, ShuffleNetSpace
from dfnas.spaces.space import Task

pytestmark = pytest.mark.slow

CIFAR10 = Task(channels=3, size=32, classes=10)
CIFAR100 = Task(channels=3, size=32, classes=100)
IMAGENET = Task(channels=3, size=224, classes=1000)
IMAGENET16_120 = Task(channels=3, size=16, classes=120)


def weights_and_macs(space, architecture):
    """Of the built network; the MACs are also those of the space's table."""
    with torch.device("meta"):
        network = space.network(architecture)
    macs = count_macs(network, space.task.channels, *space.task.size)
    assert macs == space.macs(architecture)
    return count_parameters(network), macs


def millions(number, digits):
    return round(number / 1e6, digits)


# quark0/darts, cnn/genotypes.py
DARTS_V1 = {
    "normal": [
        *[("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 0), ("sep_conv_3x3", 1)],
        *[("skip_connect", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 2)],
    ],
    "reduce": [
        *[("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 0)],
        *[("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("avg_pool_3x3", 0)],
    ],
}
DARTS_V2 = {
    "normal": [
        *[("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
        *[("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)],
    ],
    "reduce": [
        *[("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1)],
        *[("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)],
    ],
}


@pytest.fixture(scope="module")
def darts_cifar():
    return CellSpace(CIFAR10)


@pytest.fixture(scope="module")
def darts_imagenet():
    return CellSpace(IMAGENET, channels=48, cells=14, stem="imagenet")


def test_darts_v2(darts_cifar, darts_imagenet):
    weights, macs = weights_and_macs(darts_cifar, of_genotype(darts_cifar, DARTS_V2))
    assert (millions(weights, 3), millions(macs, 1)) == (3.349, 528.4)
    weights, macs = weights_and_macs(darts_imagenet, of_genotype(darts_imagenet, DARTS_V2))
    assert (millions(weights, 3), millions(macs, 1)) == (4.719, 529.9)


def test_darts_v1(darts_cifar, darts_imagenet):
    assert millions(weights_and_macs(darts_cifar, of_genotype(darts_cifar, DARTS_V1))[0], 3) == 3.169
    assert millions(weights_and_macs(darts_imagenet, of_genotype(darts_imagenet, DARTS_V1))[0], 3) == 4.510


def test_darts_supernet(darts_cifar):
    with torch.device("meta"):
        assert count_parameters(darts_cifar.supernet()) == 1_930_618
    assert len(darts_cifar.choices) == 2 * 14
    assert {len(options) for options in darts_cifar.choices.values()} == {8}


@pytest.fixture(scope="module")
def spos():
    return ShuffleNetSpace(IMAGENET)


def spos_architecture(space, numbers):
    return {choice: OPTIONS[number] for choice, number in zip(space.choices, numbers, strict=True)}


def test_spos_supernet(spos):
    with torch.device("meta"):
        assert count_parameters(spos.supernet()) == 8_388_176


@pytest.mark.parametrize(
    ("numbers", "macs"),
    [
        ((2, 1, 0, 1, 2, 0, 2, 0, 2, 0, 2, 3, 0, 0, 0, 0, 3, 2, 3, 3), 322.92),
        ((0,) * 20, 295.84),
        ((1,) * 20, 313.65),
        ((2,) * 20, 340.37),
        ((3,) * 20, 358.83),
    ],
)
def test_spos_networks(spos, numbers, macs):
    assert millions(weights_and_macs(spos, spos_architecture(spos, numbers))[1], 2) == macs


def test_spos_random_architectures(spos):
    """The reference is itself a random sample's: two million draws give 299.4, 327.3 and 354.0 M."""
    rng = random.Random(0)
    costs = [spos.macs(spos.sample(rng)) / 1e6 for _ in range(20_000)]
    percentiles = statistics.quantiles(costs, n=100)
    assert [percentiles[0], percentiles[49], percentiles[98]] == pytest.approx([299.7, 327.4, 353.9], abs=1)


def test_proxyless_supernet():
    space = MBConvSpace(IMAGENET)
    with torch.device("meta"):
        assert count_parameters(space.supernet()) == 16_034_168
    assert [len(options) for options in space.choices.values()].count(7) == 15
    assert [len(options) for options in space.choices.values()].count(6) == 6


# The published networks as pytorchcv writes them down with their exact weights (osmr/imgclsmob,
# pytorch/pytorchcv/models/proxylessnas.py). A block is expansion and kernel; 0 is a block left out.
PROXYLESS = {
    "mobile": (
        {"widths": (32, 40, 80, 96, 192, 320)},
        [35, 33, 0, 0, 37, 33, 35, 35, 67, 35, 35, 35, 65, 35, 35, 35, 67, 67, 37, 37, 67],
        (4_080_512, 320.4),
    ),
    "mobile_14": (
        {"stem_width": 48, "first_width": 24, "widths": (40, 56, 112, 136, 256, 448), "last_width": 1792},
        [35, 33, 0, 0, 37, 33, 35, 35, 67, 35, 35, 35, 65, 35, 35, 35, 67, 67, 37, 37, 67],
        (6_857_568, 580.9),
    ),
    "cpu": (
        {"stem_width": 40, "first_width": 24, "widths": (32, 48, 88, 104, 216, 360), "last_width": 1432},
        [63, 33, 33, 33, 63, 33, 33, 35, 63, 0, 0, 33, 65, 33, 33, 33, 65, 35, 35, 33, 65],
        (4_361_648, 439.2),
    ),
    "gpu": (
        {"stem_width": 40, "first_width": 24, "widths": (32, 56, 112, 128, 256, 432), "last_width": 1728},
        [35, 0, 0, 0, 37, 0, 0, 33, 67, 0, 0, 35, 65, 0, 33, 35, 67, 67, 67, 65, 67],
        (7_119_848, 465.3),
    ),
}


@pytest.mark.parametrize("name", PROXYLESS)
def test_proxyless_networks(name):
    sizes, blocks, (weights, macs) = PROXYLESS[name]
    space = MBConvSpace(IMAGENET, **sizes)
    options = ["zero" if block == 0 else "mbconv{}_{}x{}".format(*divmod(block, 10), block % 10) for block in blocks]
    counted = weights_and_macs(space, dict(zip(space.choices, options, strict=True)))
    assert (counted[0], millions(counted[1], 1)) == (weights, macs)


@pytest.mark.parametrize(
    ("task", "cell", "weights", "flops"),
    [
        (
            CIFAR10,
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
            802_426,
            113_951_370,
        ),
        (
            CIFAR10,
            "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
            129_306,
            15_647_370,
        ),
        (CIFAR10, "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", 73_306, 7_783_050),
        (
            CIFAR100,
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
            1_537_396,
            220_125_540,
        ),
        (
            IMAGENET16_120,
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
            1_538_696,
            55_037_560,
        ),
    ],
)
def test_nasbench201_networks(task, cell, weights, flops):
    """Against the benchmark's database (`get_cost_info`; the first row is quoted in NATS-Bench issues 18 and 36).
    Its "flops" are MACs and count the classifier's bias as one more for each class."""
    space = NASBench201Space(task)
    assert weights_and_macs(space, of_cell(cell)) == (weights, flops - task.classes)


def test_nasbench201_is_searched_at_its_own_size_and_costs_what_the_final_network_does():
    """The network and its MACs are the benchmark's, whatever the supernet's size."""
    whole, small = NASBench201Space(CIFAR10), NASBench201Space(CIFAR10, search_channels=8, search_cells_per_stage=1)
    cell = of_cell("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|")
    assert weights_and_macs(small, cell) == weights_and_macs(whole, cell)
    assert small.macs_table() == whole.macs_table()
    searched = NASBench201Space(CIFAR10, channels=8, cells_per_stage=1)
    with torch.device("meta"):
        sizes = [count_parameters(space.supernet()) for space in (whole, small, searched)]
    assert sizes[0] > sizes[1] == sizes[2]
