"""Drawings of architectures: every part once, and nothing on top of anything else."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfnas.pictures.architecture import draw_architecture
from dfnas.pictures.cells import JOINED, arcs, draw_cell
from dfnas.pictures.chains import ROW_WIDTH, draw_chain, rows
from dfnas.pictures.drawing import Box, Drawing, Wire, paint, readable, stacked
from dfnas.pictures.figures import OPTION_COLOURS, blank, option_colours
from dfnas.spaces.darts import CellSpace
from dfnas.spaces.layout import CellGraph, Edge, Position, chain
from dfnas.spaces.mbconv import MBConvSpace
from dfnas.spaces.nasbench201 import NASBench201Space
from dfnas.spaces.shufflenet import ShuffleNetSpace
from dfnas.spaces.space import Task

TASK = Task(3, 32, 10)
CELLS = {
    "darts": CellSpace(TASK),
    "darts, seven nodes": CellSpace(TASK, nodes=7),
    "darts, one node": CellSpace(TASK, nodes=1),
    "nasbench201": NASBench201Space(TASK),
}
CHAINS = {
    "mbconv": MBConvSpace(TASK),
    "mbconv, one block": MBConvSpace(TASK, widths=[8], depths=[1], strides=[1]),
    "mbconv, a long stage": MBConvSpace(TASK, widths=[8, 16], depths=[2, 25], strides=[1, 2]),
    "shufflenet": ShuffleNetSpace(TASK),
}
SPACES = CELLS | CHAINS
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=15)
INK = 1e-6  # inches: what touches does not overlap


def texts(drawing: Drawing) -> list[Box]:
    return [box for box in drawing.boxes if box.text]


def overlap(one: Box, other: Box) -> bool:
    return (
        min(one.x + one.width, other.x + other.width) - max(one.x, other.x) > INK
        and min(one.y + one.height, other.y + other.height) - max(one.y, other.y) > INK
    )


def crosses(wire: Wire, box: Box) -> bool:
    """Whether a wire of horizontal and vertical lines runs inside a box."""
    for (x, y), (u, v) in zip(wire.points, wire.points[1:], strict=False):
        assert x == u or y == v
        line = Box(min(x, u) - INK, min(y, v) - INK, abs(u - x) + 2 * INK, abs(v - y) + 2 * INK, "line")
        inside = Box(box.x + INK, box.y + INK, box.width - 2 * INK, box.height - 2 * INK, "inside")
        if (
            min(line.x + line.width, inside.x + inside.width) > max(line.x, inside.x) + 2 * INK
            and min(line.y + line.height, inside.y + inside.height) > max(line.y, inside.y)
            and not (line.width <= 2 * INK and line.height <= 2 * INK)
        ):
            return True
    return False


def sampled(space, seed):
    architecture = space.sample(random.Random(seed))
    return architecture, draw_architecture(space, architecture)


@pytest.mark.parametrize("name", SPACES)
@few
@given(seed=seeds)
def test_no_two_texts_overlap_and_all_lie_on_the_page(name, seed):
    _, drawing = sampled(SPACES[name], seed)
    boxes = texts(drawing)
    assert [(a.text, b.text) for i, a in enumerate(boxes) for b in boxes[:i] if overlap(a, b)] == []
    for box in boxes:
        assert box.x >= -INK
        assert box.y >= -INK
        assert box.x + box.width <= drawing.width + INK
        assert box.y + box.height <= drawing.height + INK


@pytest.mark.parametrize("name", CELLS)
@few
@given(seed=seeds)
def test_every_kept_edge_is_drawn_once_and_no_arc_runs_under_a_foreign_label(name, seed):
    space = CELLS[name]
    architecture, drawing = sampled(space, seed)
    layout = space.layout()
    kept = [option for option in architecture.values() if option != "none"]
    states = [state for cell in layout.cells for state in cell.states]
    joins = [JOINED for cell in layout.cells if cell.joined]
    assert Counter(box.text for box in texts(drawing)) == Counter([*map(readable, kept), *states, *joins])
    assert len(drawing.wires) == len(kept) + sum(len(cell.joined) for cell in layout.cells)
    for box in texts(drawing):
        through = sum(crosses(wire, box) for wire in drawing.wires)
        expected = 0 if box.text in states else 1
        assert through == (len(layout.cells[0].joined) if box.text == JOINED else expected)


@pytest.mark.parametrize("name", CELLS)
@few
@given(seed=seeds)
def test_arcs_are_the_kept_edges_and_overlapping_ones_have_lanes_of_their_own(name, seed):
    space = CELLS[name]
    architecture, layout = space.sample(random.Random(seed)), space.layout()
    for cell in layout.cells:
        found = arcs(cell, architecture, layout.absent)
        kept = [edge for edge in cell.edges if architecture[edge.choice] != "none"]
        assert sorted(arc.edge.choice for arc in found) == sorted(edge.choice for edge in kept)
        for arc in found:
            assert (cell.states[arc.source], cell.states[arc.target]) == (arc.edge.source, arc.edge.target)
            assert (arc.lane == 0) == (arc.target - arc.source == 1)
        places = [(arc.side, arc.lane, gap) for arc in found for gap in range(arc.source, arc.target)]
        assert len(set(places)) == len(places)


@pytest.mark.parametrize("name", CHAINS)
@few
@given(seed=seeds)
def test_every_choice_of_a_chain_is_shown_once_in_reading_order_and_no_wire_crosses_a_block(name, seed):
    space = CHAINS[name]
    architecture, drawing = sampled(space, seed)
    blocks = [block for stage in space.layout().stages for block in stage.blocks]
    expected = [readable(architecture[block.choice] if block.choice else block.name) for block in blocks]
    read = sorted(texts(drawing), key=lambda box: (-box.y, box.x))
    assert [box.text for box in read] == expected
    assert [box.dashed for box in read] == [text == "zero" for text in expected]
    assert len(drawing.wires) == len(blocks) - 1
    assert not any(crosses(wire, box) for wire in drawing.wires for box in read)


def test_rows_keep_stages_whole_where_they_fit():
    widths = [2, 4, 4, 10, 1, 23]
    stages = chain(Position(choice=f"stage{i}/{j}") for i, width in enumerate(widths) for j in range(width)).stages
    found = [[len(stage.blocks) for stage in row] for row in rows(stages, 10)]
    assert found == [[2, 4, 4], [10], [1], [10], [10], [3]]
    assert [row[0].title for row in rows(stages, 10)] == ["stage0", "stage3", "stage4", "stage5", "", ""]


def test_a_chain_shows_what_is_known_of_a_block():
    blocks = [Position(choice="stage1/block1", channels=24, stride=2), Position(choice="stage1/block2")]
    architecture = {"stage1/block1": "conv_3x3", "stage1/block2": "conv_3x3"}
    drawing = draw_chain(chain(blocks), architecture, {"conv_3x3": "#E69F00"})
    assert [box.note for box in drawing.boxes] == ["stage1", "24 ch, stride 2", "block2"]


def test_blocks_with_long_names_still_fit_on_a_page():
    name = "inverted_bottleneck_with_squeeze_and_excitation_5x5"
    architecture = {f"slot{i}": name for i in range(9)}
    drawing = draw_chain(chain(Position(choice=choice) for choice in architecture), architecture, {name: "#E69F00"})
    assert len(texts(drawing)) == 9
    assert drawing.width < ROW_WIDTH + 1


def test_arcs_at_a_state_do_not_cross_each_other():
    """Nested arcs from one state: the outer one leaves further left and arrives further right."""
    states = tuple("abcd")
    cell = CellGraph("cell", states, (Edge("ac", "a", "c"), Edge("ad", "a", "d"), Edge("bd", "b", "d")))
    architecture = {"ac": "op", "ad": "op", "bd": "op"}
    drawing = draw_cell(cell, architecture, None, {"op": "#E69F00"}, 1.0)
    found = {
        arc.edge.choice: (arc, wire) for arc, wire in zip(arcs(cell, architecture, None), drawing.wires, strict=True)
    }
    for one, first in found.values():
        for other, second in found.values():
            if one.side == other.side and one.lane > other.lane:
                if one.source == other.source:
                    assert first.points[0][0] < second.points[0][0]
                if one.target == other.target:
                    assert first.points[-1][0] > second.points[-1][0]


@pytest.mark.parametrize("name", ["darts", "mbconv", "shufflenet", "nasbench201"])
def test_a_painted_text_lies_inside_its_box(name):
    _, drawing = sampled(SPACES[name], 0)
    figure = blank(drawing.width, drawing.height)
    axes = figure.add_axes((0, 0, 1, 1))
    paint(axes, drawing)
    renderer = figure.canvas.get_renderer()
    boxes = {(box.text, *box.middle): box for box in texts(drawing)}
    for text in axes.texts:
        here = [box for (words, x, _), box in boxes.items() if words == text.get_text() and x == text.get_position()[0]]
        if here and text.get_fontsize() > 9:
            extent = text.get_window_extent(renderer)
            assert any(
                box.x * 100 <= extent.x0
                and extent.x1 <= (box.x + box.width) * 100
                and box.y * 100 <= extent.y0
                and extent.y1 <= (box.y + box.height) * 100
                for box in here
            ), text.get_text()


def test_options_keep_their_colour_and_what_is_absent_has_none():
    choices = {"one": ("none", "a", "b"), "two": ("b", "c", "none")}
    assert option_colours(choices, "none") == dict(zip("abc", OPTION_COLOURS, strict=False))
    many = option_colours({"one": tuple(map(str, range(9)))}, None)
    assert many["8"] == many["0"]


@pytest.mark.parametrize(
    ("option", "shown"),
    [("sep_conv_3x3", "sep conv 3×3"), ("7x7", "7×7"), ("xception", "xception"), ("mbconv6_11x11", "mbconv6 11×11")],
)
def test_names_of_options_are_written_out(option, shown):
    assert readable(option) == shown


def test_stacked_drawings_stand_below_each_other():
    one = Drawing(2, 1, (Box(0, 0, 1, 1, "a"),), (Wire(((0, 0), (1, 0))),))
    both = stacked([one, one], gap=0.5)
    assert (both.width, both.height) == (2, 2.5)
    assert [box.y for box in both.boxes] == [1.5, 0]
    assert [wire.points[0][1] for wire in both.wires] == [1.5, 0]
