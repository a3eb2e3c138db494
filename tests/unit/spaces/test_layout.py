"""How the spaces lie on a page: every choice has one place, and cells are acyclic in the order of their states."""

from types import SimpleNamespace

import pytest

from dfnas.spaces.layout import Cells, Chain, Position, Stage, chain
from dfnas.spaces.space import Space


def choices_of(layout) -> list[str]:
    if isinstance(layout, Cells):
        return [edge.choice for cell in layout.cells for edge in cell.edges]
    return [block.choice for stage in layout.stages for block in stage.blocks if block.choice is not None]


@pytest.mark.parametrize("name", ["darts", "mbconv", "shufflenet", "nasbench201"])
def test_every_choice_has_one_place_in_the_order_of_the_space(spaces, name):
    assert choices_of(spaces[name].layout()) == list(spaces[name].choices)


@pytest.mark.parametrize("name", ["darts", "nasbench201"])
def test_edges_lead_forwards_and_every_computed_state_is_reached(spaces, name):
    for cell in spaces[name].layout().cells:
        order = {state: place for place, state in enumerate(cell.states)}
        assert all(order[edge.source] < order[edge.target] for edge in cell.edges)
        reached = {edge.target for edge in cell.edges} | ({cell.states[-1]} if cell.joined else set())
        assert set(cell.states) - reached == ({"cₖ₋₂", "cₖ₋₁"} if name == "darts" else {"0"})


def test_the_edges_of_nasbench201_are_those_of_its_notation(spaces):
    edges = spaces["nasbench201"].layout().cells[0].edges
    assert [(edge.target, edge.source) for edge in edges] == [tuple(edge.choice.split("-")) for edge in edges]


@pytest.mark.parametrize("name", ["mbconv", "shufflenet"])
def test_chains_know_the_widths_and_strides_of_their_blocks(spaces, name):
    space = spaces[name]
    blocks = [block for stage in space.layout().stages[1:-1] for block in stage.blocks]
    assert [(block.choice, block.channels, block.stride) for block in blocks] == [
        (block.choice, block.outputs, block.stride) for block in space.blocks
    ]


def test_a_space_that_says_nothing_is_a_chain_of_its_choices():
    space = SimpleNamespace(choices={"first": ("a", "b"), "second": ("a", "b")})
    assert Space.layout(space) == Chain((Stage("", (Position(choice="first"), Position(choice="second"))),))


def test_stages_are_what_stands_before_the_last_slash():
    names = ["a/x/1", "a/x/2", "b/1", "a/x/3"]
    found = chain([Position(choice=name) for name in names], [Position("stem conv")], [Position("fc")], "zero")
    assert [(stage.title, len(stage.blocks)) for stage in found.stages] == [
        ("stem", 1),
        ("a/x", 2),
        ("b", 1),
        ("a/x", 1),
        ("head", 1),
    ]
    assert choices_of(found) == names
    assert found.absent == "zero"
