"""What is particular to the chains of blocks (ProxylessNAS, SPOS) and to NAS-Bench-201."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from notations import of_cell
from torch import nn

from dfnas.spaces.mbconv import MBConvSpace
from dfnas.spaces.nasbench201 import NASBench201Space
from dfnas.spaces.shufflenet import Block, ShuffleBlock, ShuffleNetSpace
from dfnas.spaces.slot import SinglePath, set_mixer
from dfnas.spaces.space import Task

TASK = Task(1, 16, 10)
MBCONV = MBConvSpace(TASK, stem_width=4, first_width=4, widths=(4, 6), depths=(2, 2), strides=(1, 2), last_width=8)
NASBENCH = NASBench201Space(TASK, channels=4, cells_per_stage=1)


def test_zero_is_offered_where_a_block_has_a_shortcut():
    assert {choice for choice, options in MBCONV.choices.items() if "zero" in options} == {
        "stage1/block1",
        "stage1/block2",
        "stage2/block2",
    }


def test_a_zero_block_passes_its_input():
    architecture = MBCONV.sample(random.Random(0))
    without = MBCONV.network(architecture | {"stage1/block1": "zero"})
    with_it = MBCONV.network(architecture | {"stage1/block1": "mbconv3_3x3"})
    assert len(without) == len(with_it) - 1

    supernet = MBCONV.supernet().eval()
    block = next(module for module in supernet if hasattr(module, "body"))  # of stage1/block1
    set_mixer(supernet, SinglePath(MBCONV.path(architecture | {"stage1/block1": "zero"})))
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(block(x), x)


def test_proxyless_weights_start_as_published():
    torch.manual_seed(0)
    network = MBConvSpace(TASK).network(MBConvSpace(TASK).sample(random.Random(0)))
    last = [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]
    assert last.weight.std().item() == pytest.approx((2 / 1280) ** 0.5, rel=0.01)
    assert {module.eps for module in network.modules() if isinstance(module, nn.BatchNorm2d)} == {1e-3}


def test_shuffle_block_passes_the_even_channels_and_transforms_the_odd():
    x = torch.randn(2, 8, 4, 4)
    for option in ("3x3", "xception"):
        block = ShuffleBlock(Block("a", 8, 8, 1, first=False), option, affine=True).eval()
        y = block(x)
        assert torch.equal(y[:, :4], x[:, 0::2])
        assert torch.equal(y[:, 4:], block.main(x[:, 1::2]))


def test_spos_supernet_has_no_batch_norm_with_weights_and_the_final_network_no_other():
    space = ShuffleNetSpace(TASK, widths=(32, 64), depths=(1, 1), strides=(1, 2))
    for network, affine in ((space.supernet(), False), (space.network(space.sample(random.Random(0))), True)):
        assert {module.affine for module in network.modules() if isinstance(module, nn.BatchNorm2d)} == {affine}


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_benchmark_strings_round_trip(seed):
    architecture = NASBENCH.sample(random.Random(seed))
    text = NASBENCH.to_string(architecture)
    assert of_cell(text) == architecture
    assert text.count("~") == 6


def test_benchmark_strings_name_the_operation_from_each_earlier_node():
    text = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
    assert of_cell(text) == {
        "1-0": "nor_conv_3x3",
        "2-0": "nor_conv_1x1",
        "2-1": "avg_pool_3x3",
        "3-0": "skip_connect",
        "3-1": "none",
        "3-2": "nor_conv_3x3",
    }
    assert NASBENCH.to_string(of_cell(text)) == text


def test_a_cell_of_nas_bench_201_sums_over_its_edges():
    text = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|"
    cell = NASBENCH.network(of_cell(text))[2]
    x = torch.randn(2, 4, 8, 8)
    torch.testing.assert_close(cell(x), 3 * x)  # node 1 is x, node 2 is 2 x
