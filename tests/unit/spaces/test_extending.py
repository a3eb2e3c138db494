"""The worked example of docs/extending.md runs as it is printed."""

import random
import re
from pathlib import Path

import pytest
import torch

from dfnas.measure.complexity import count_macs, count_parameters
from dfnas.pictures.architecture import draw_architecture
from dfnas.pictures.drawing import readable
from dfnas.search.budget import Budget
from dfnas.settings.search import BudgetSettings
from dfnas.spaces.registry import make
from dfnas.spaces.slot import SinglePath, set_mixer
from dfnas.spaces.space import Task

PAGE = Path(__file__).parents[3] / "docs" / "extending.md"


@pytest.fixture
def space(tmp_path):
    (code,) = re.findall(r"```python\n(# chain\.py\n.*?)```", PAGE.read_text(), flags=re.DOTALL)
    (tmp_path / "chain.py").write_text(code)
    return make(f"{tmp_path}/chain.py:ChainSpace", Task(1, 16, 10), {"width": 8})


def test_example_builds_and_its_costs_are_exact(space):
    architecture = space.sample(random.Random(0))
    network = space.network(architecture)
    assert space.macs(architecture) == count_macs(network, 1, 16, 16)
    assert space.parameters_table().of(architecture) == count_parameters(network)


def test_example_derives_the_strongest_options_within_a_budget(space):
    strengths = {choice: torch.tensor([0.4, 0.3, 0.2, 0.1]) for choice in space.choices}
    assert space.discretise(strengths) == dict.fromkeys(space.choices, "conv_3x3")
    limit = 0.9 * space.macs(space.discretise(strengths)) / 1e6
    found = Budget(space, BudgetSettings(max_macs_m=limit)).derive(strengths)
    assert sorted(found.values()) == ["conv_3x3"] * 4 + ["separable_3x3"]


def test_example_has_five_slots_of_four_options(space):
    assert [len(options) for options in space.choices.values()] == [4] * 5


def test_example_has_skips_by_their_name_and_no_cells(space):
    assert {space.skips(choice) for choice in space.choices} == {("identity",)}
    assert list(space.kinds()) == ["all"]
    assert space.topology() == {}


def test_example_supernet_runs_on_a_path(space):
    supernet = space.supernet()
    set_mixer(supernet, SinglePath(space.path(space.sample(random.Random(1)))))
    assert supernet(torch.randn(4, 1, 16, 16)).shape == (4, 10)


def test_example_is_drawn_as_the_chain_that_it_is(space):
    architecture = space.sample(random.Random(2))
    drawn = [box.text for box in draw_architecture(space, architecture).boxes if box.text]
    assert drawn == [readable(option) for option in architecture.values()]
