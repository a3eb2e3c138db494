"""A cell as a graph: its states on a line, the kept edges as arcs in lanes above and below, each with its operation.

Arcs leave and enter a state through its box's own width and run level in between. Arcs that overlap have lanes of
their own, and an operation stands between two neighbouring states: so no label lies on another, on a state, or under
a foreign arc, however many nodes a cell has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dfnas.pictures.drawing import PADDING, Box, Drawing, Wire, readable, shade, text_width, tint
from dfnas.pictures.figures import GREY
from dfnas.spaces.layout import CellGraph, Edge

STATE_WIDTH, STATE_HEIGHT, LABEL_HEIGHT, LANE, PORT = 0.48, 0.34, 0.24, 0.32, 0.12
"""Inches: of a state's box at least, of an operation's, between lanes, and between two arcs at a state."""
TITLE = 0.42
"""Inches above the highest lane for half an operation and the title."""
LEAD = 0.17
"""Inches between a state and an operation, for the arrow's head."""
JOINED = "concatenation"


@dataclass(frozen=True)
class Arc:
    """A kept edge between the places of two states in the line; lane 0 is the straight way between neighbours, lanes
    are counted from 1 upwards above (side 1) and below (side -1)."""

    edge: Edge
    source: int
    target: int
    side: int
    lane: int


def arcs(cell: CellGraph, architecture: Mapping[str, str], absent: str | None) -> list[Arc]:
    """The kept edges, the shortest first, each in the innermost lane that is free of the arcs it overlaps with."""
    place = {state: i for i, state in enumerate(cell.states)}
    kept = [
        (place[edge.target] - place[edge.source], place[edge.target], edge)
        for edge in cell.edges
        if architecture[edge.choice] != absent
    ]
    placed: list[Arc] = []
    for span, target, edge in sorted(kept, key=lambda one: one[:2]):
        source = target - span
        if span == 1:
            placed.append(Arc(edge, source, target, 1, 0))
            continue
        lanes = {side: _free_lane(placed, source, target, side) for side in (1, -1)}
        # The inner lane; of equals the side with fewer arcs, and above.
        side = min((1, -1), key=lambda s: (lanes[s], sum(arc.lane > 0 and arc.side == s for arc in placed)))
        placed.append(Arc(edge, source, target, side, lanes[side]))
    return placed


def draw_cell(
    cell: CellGraph, architecture: Mapping[str, str], absent: str | None, colours: Mapping[str, str], gap: float
) -> Drawing:
    """The drawing of one cell.

    Args:
        colours: of every option.
        gap: inches between two states, `label_gap` at least.
    """
    found = arcs(cell, architecture, absent)
    ports = _ports(cell, found)
    busiest = max(map(len, ports.values()), default=0)
    width = max(STATE_WIDTH, PORT * (busiest + 1), *(text_width(state) + 2 * PADDING for state in cell.states))
    rail = 1 + max((arc.lane for arc in found if arc.side < 0), default=0)  # the lane of the joined states
    lanes = {side: max((arc.lane for arc in found if arc.side == side), default=0) for side in (1, -1)}
    base = STATE_HEIGHT / 2 + LANE * (rail if cell.joined else lanes[-1]) + LABEL_HEIGHT / 2
    height = base + STATE_HEIGHT / 2 + LANE * lanes[1] + TITLE
    left = [place * (width + gap) for place in range(len(cell.states))]

    def port(state: int, side: int, what: object) -> float:
        order = ports[state, side]
        return left[state] + width / 2 + PORT * (order.index(what) - (len(order) - 1) / 2)

    def level(side: int, lane: int) -> float:
        return base + side * (STATE_HEIGHT / 2 + LANE * lane)

    boxes, wires = [], []
    points: tuple[tuple[float, float], ...]
    inside = {edge.target for edge in cell.edges} - {cell.states[-1]}  # neither given to the cell nor its output
    for state, x in zip(cell.states, left, strict=True):
        colour = "#FFFFFF" if state in inside else "#D9D9D9"
        boxes.append(Box(x, base - STATE_HEIGHT / 2, width, STATE_HEIGHT, state, colour=colour))
    for arc in found:
        option = architecture[arc.edge.choice]
        if arc.lane:
            border, lane = level(arc.side, 0), level(arc.side, arc.lane)
            start, end = port(arc.source, arc.side, arc), port(arc.target, arc.side, arc)
            points = ((start, border), (start, lane), (end, lane), (end, border))
        else:
            lane = base
            points = ((left[arc.source] + width, base), (left[arc.target], base))
        wires.append(Wire(points, shade(colours[option]), 1.5))
        middle = left[(arc.source + arc.target - 1) // 2] + width + gap / 2
        boxes.append(_label(readable(option), middle, lane, colours[option]))
    if cell.joined:
        end, lane = port(len(cell.states) - 1, -1, JOINED), level(-1, rail)
        for state in cell.joined:
            start = port(cell.states.index(state), -1, JOINED)
            points = ((start, level(-1, 0)), (start, lane), (end, lane), (end, level(-1, 0)))
            wires.append(Wire(points, GREY, 1.0, arrow=state == cell.joined[-1]))
        boxes.append(_label(JOINED, left[-1] - gap / 2, lane, GREY))
    frame = Box(-PADDING, 0, left[-1] + width + 2 * PADDING, height, "", cell.title, border="none", colour="none")
    return Drawing(left[-1] + width, height, (frame, *boxes), tuple(wires))


def label_gap(cell: CellGraph, options: Sequence[str]) -> float:
    """Inches between two states that leave room for any operation's name."""
    texts = [*map(readable, options), *([JOINED] if cell.joined else [])]
    return max(map(text_width, texts)) + 2 * PADDING + 2 * LEAD


def _free_lane(placed: Sequence[Arc], source: int, target: int, side: int) -> int:
    """Above all arcs of a side that share an inner part with the one from source to target."""
    overlapping = (arc.lane for arc in placed if arc.side == side and arc.source < target and source < arc.target)
    return 1 + max(overlapping, default=0)


def _ports(cell: CellGraph, found: Sequence[Arc]) -> dict[tuple[int, int], list[object]]:
    """What arrives and leaves at each state on each side, from left to right: arrivals from the nearest state first,
    departures to the farthest first, so that arcs at one state do not cross each other."""
    ports: dict[tuple[int, int], list[object]] = {}
    for state, name in enumerate(cell.states):
        for side in (1, -1):
            here = [arc for arc in found if arc.lane and arc.side == side]
            arriving = sorted((arc for arc in here if arc.target == state), key=lambda arc: arc.lane)
            leaving = sorted((arc for arc in here if arc.source == state), key=lambda arc: -arc.lane)
            joins = side < 0 and cell.joined and name in (*cell.joined, cell.states[-1])
            ports[state, side] = [*arriving, *([JOINED] if joins else []), *leaving]
    return ports


def _label(text: str, middle: float, height: float, colour: str) -> Box:
    width = text_width(text) + 2 * PADDING
    left, bottom = middle - width / 2, height - LABEL_HEIGHT / 2
    return Box(left, bottom, width, LABEL_HEIGHT, text, colour=tint(colour), border=shade(colour))
