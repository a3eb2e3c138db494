"""Boxes with text and the wires between them, placed in inches, before anything is painted.

The horizontal axis points right, the vertical one up, from the lower left corner of the drawing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path
from matplotlib.textpath import text_to_path

Colour = str | tuple[float, float, float]

POINT = 1 / 72
"""Inches."""
FONT_SIZE, NOTE_SIZE = 9.5, 8
LINE = 0.16
"""Inches between the middles of a text and its note."""
PADDING = 0.08
"""Inches between a text and the border of its box."""
CORNER = 0.08
"""Radius of a wire's corners, inches."""


@dataclass(frozen=True)
class Box:
    """A rectangle with a text in its middle and a smaller note below that. Without a text it is a frame, behind all
    other boxes, whose `note` is the title in its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    text: str
    note: str = ""
    colour: Colour = "#FFFFFF"
    border: Colour = "#000000"
    dashed: bool = False

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True)
class Wire:
    """A polyline with rounded corners; with an arrow at its end."""

    points: tuple[tuple[float, float], ...]
    colour: Colour = "#404040"
    width: float = 1.2
    arrow: bool = True


@dataclass(frozen=True)
class Drawing:
    """What stands on an area of `width` by `height`."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]


def stacked(drawings: Sequence[Drawing], gap: float) -> Drawing:
    """Drawings below each other, the first on top."""
    width, height = max(d.width for d in drawings), sum(d.height for d in drawings) + gap * (len(drawings) - 1)
    boxes, wires, top = [], [], height
    for drawing in drawings:
        base = top - drawing.height
        boxes += [replace(box, y=box.y + base) for box in drawing.boxes]
        wires += [replace(wire, points=tuple((x, y + base) for x, y in wire.points)) for wire in drawing.wires]
        top = base - gap
    return Drawing(width, height, tuple(boxes), tuple(wires))


@cache
def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Of a line of text, in inches."""
    return text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)[0] * POINT


def readable(option: str) -> str:
    """The name of an option as one would write it: `sep_conv_3x3` as `sep conv 3×3`."""
    words = option.replace("_", " ")
    return "".join(
        "×" if c == "x" and words[i - 1 : i].isdigit() and words[i + 1 : i + 2].isdigit() else c
        for i, c in enumerate(words)
    )


def tint(colour: str, share: float = 0.45) -> Colour:
    """A colour mixed with white, light enough for black text."""
    red, green, blue = (1 - share * (1 - part) for part in to_rgb(colour))
    return red, green, blue


def shade(colour: str, share: float = 0.8) -> Colour:
    """A colour mixed with black, dark enough for a thin line on white."""
    red, green, blue = (share * part for part in to_rgb(colour))
    return red, green, blue


def paint(axes: Axes, drawing: Drawing) -> None:
    """Paints on axes of the drawing's size, a unit to an inch."""
    axes.set(xlim=(0, drawing.width), ylim=(0, drawing.height), aspect="equal")
    axes.axis("off")
    for wire in drawing.wires:
        _paint_wire(axes, wire)
    for box in drawing.boxes:
        _paint_box(axes, box)


def _paint_box(axes: Axes, box: Box) -> None:
    frame = not box.text
    axes.add_patch(
        FancyBboxPatch(
            (box.x, box.y),
            box.width,
            box.height,
            boxstyle=f"round,pad=0,rounding_size={min(box.height / 2, 0.1)}",
            facecolor=box.colour,
            edgecolor=box.border,
            linestyle="--" if box.dashed else "-",
            linewidth=0.8,
            clip_on=False,
            zorder=1 if frame else 3,
        )
    )
    x, y = box.middle
    if frame:
        top = box.y + box.height
        axes.text(box.x + PADDING, top - PADDING, box.note, size=FONT_SIZE, color="0.3", ha="left", va="top", zorder=4)
        return
    apart = 0.075 if box.note else 0
    axes.text(x, y + apart, box.text, size=FONT_SIZE, ha="center", va="center_baseline", zorder=4)
    if box.note:
        axes.text(
            x, y - apart - 0.01, box.note, size=NOTE_SIZE, color="0.3", ha="center", va="center_baseline", zorder=4
        )


def _paint_wire(axes: Axes, wire: Wire) -> None:
    vertices, codes = [wire.points[0]], [Path.MOVETO]
    for before, corner, after in zip(wire.points, wire.points[1:], wire.points[2:], strict=False):
        vertices += [_towards(corner, before), corner, _towards(corner, after)]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    vertices.append(wire.points[-1])
    codes.append(Path.LINETO)
    axes.add_patch(PathPatch(Path(vertices, codes), fill=False, edgecolor=wire.colour, linewidth=wire.width, zorder=2))
    if wire.arrow:
        axes.annotate(
            "",
            wire.points[-1],
            _towards(wire.points[-1], wire.points[-2]),
            arrowprops={"arrowstyle": "-|>", "color": wire.colour, "lw": wire.width, "shrinkA": 0, "shrinkB": 0},
            zorder=2,
        )


def _towards(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """The point a corner's radius away from the start, at most half-way to the end."""
    length = ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5
    share = min(CORNER / length, 0.5) if length else 0
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
