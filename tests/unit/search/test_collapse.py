"""Collapse into skip connections, counted in cells that others found."""

import copy
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notations import of_cell, of_genotype

from dfnas.search.collapse import Skips, count_skips, judged, skip_share, warning
from dfnas.spaces.darts import CellSpace
from dfnas.spaces.mbconv import MBConvSpace
from dfnas.spaces.nasbench201 import NASBench201Space
from dfnas.spaces.shufflenet import ShuffleNetSpace
from dfnas.spaces.space import Task

TASK = Task(3, 32, 10)
DARTS, NASBENCH201 = CellSpace(TASK), NASBench201Space(TASK)
MBCONV, SHUFFLENET = MBConvSpace(Task(3, 224, 1000)), ShuffleNetSpace(Task(3, 224, 1000))

NORMAL_V1 = [
    *[("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 0), ("sep_conv_3x3", 1)],
    *[("skip_connect", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 2)],
]
NORMAL_V2 = [
    *[("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
    *[("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)],
]
ALL_SKIPS = [("skip_connect", state) for _ in range(4) for state in (0, 1)]
# What DARTS ends with on NAS-Bench-201, as its authors report (Dong and Yang 2020).
COLLAPSED_201 = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"
BEST_201 = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
EMPTY_201 = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
THIN_201 = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"


@pytest.mark.parametrize(
    ("normal", "taken", "collapsed"),
    [(NORMAL_V1, 3, False), (NORMAL_V2, 2, False), (ALL_SKIPS, 8, True)],
    ids=["DARTS_V1", "DARTS_V2", "all skips"],
)
def test_skips_of_published_cells_are_those_of_the_normal_cell(normal, taken, collapsed):
    architecture = of_genotype(DARTS, {"normal": normal, "reduce": ALL_SKIPS})
    assert count_skips(DARTS, architecture) == {"normal": Skips(taken, 8)}
    assert judged(DARTS, architecture) == {"collapsed": collapsed, "skip_share": taken / 8}


@pytest.mark.parametrize(
    ("text", "skips", "collapsed"),
    [
        (COLLAPSED_201, Skips(6, 6), True),
        (BEST_201, Skips(1, 6), False),
        (EMPTY_201, Skips(0, 0), True),
        (THIN_201, Skips(1, 2), False),
    ],
    ids=["all skips", "the best cell for CIFAR-10", "no edge", "two edges"],
)
def test_edges_that_are_not_there_do_not_count(text, skips, collapsed):
    architecture = of_cell(text)
    assert count_skips(NASBENCH201, architecture) == {"all": skips}
    assert judged(NASBENCH201, architecture)["collapsed"] is collapsed


def test_a_block_that_leaves_its_shortcut_alone_is_a_skip_and_one_without_shortcut_cannot_be():
    """15 of the published space's 21 blocks have a shortcut."""
    largest = {choice: options[0] for choice, options in MBCONV.choices.items()}
    assert count_skips(MBCONV, largest) == {"all": Skips(0, 15)}
    emptied = {choice: options[-1] for choice, options in MBCONV.choices.items()}
    assert count_skips(MBCONV, emptied) == {"all": Skips(15, 15)}


def test_a_space_without_skips_does_not_collapse():
    architecture = SHUFFLENET.sample(random.Random(0))
    assert count_skips(SHUFFLENET, architecture) == {}
    assert judged(SHUFFLENET, architecture) == {"collapsed": False, "skip_share": 0.0}


def test_options_with_a_common_name_are_skips_without_the_spaces_saying_so(toy_space):
    space = copy.copy(toy_space)
    space.choices = dict.fromkeys(toy_space.choices, ("linear", "identity"))
    assert skip_share(space, {"first": "identity", "second": "linear"}) == 0.5


@given(seed=st.integers(0, 2**32 - 1))
def test_share_and_judgement_are_those_of_a_count_by_hand(seed):
    architecture = NASBENCH201.sample(random.Random(seed))
    kept = [option for option in architecture.values() if option != "none"]
    found = judged(NASBENCH201, architecture)
    if kept:
        assert found["skip_share"] == pytest.approx(kept.count("skip_connect") / len(kept))
    assert found["collapsed"] == (2 * kept.count("skip_connect") > len(kept) or not kept)


def test_a_warning_is_one_line_with_share_and_remedy():
    line = warning({"collapsed": True, "skip_share": 0.75}, "stop earlier")
    assert "75%" in line
    assert "stop earlier" in line
    assert "\n" not in line
    assert "keeps no edge" in warning({"collapsed": True, "skip_share": 0.0}, "stop earlier")
