"""The drawing of an architecture: its cells below each other, or its chain."""

from collections.abc import Mapping

from dfnas.pictures.cells import draw_cell, label_gap
from dfnas.pictures.chains import draw_chain
from dfnas.pictures.drawing import Drawing, stacked
from dfnas.pictures.figures import option_colours
from dfnas.spaces.layout import Cells
from dfnas.spaces.space import Space

CELL_GAP = 0.2
"""Inches between two cells."""


def draw_architecture(space: Space, architecture: Mapping[str, str]) -> Drawing:
    """An architecture of a space, laid out as the space says."""
    layout = space.layout()
    colours = option_colours(space.choices, layout.absent)
    if not isinstance(layout, Cells):
        return draw_chain(layout, architecture, colours)
    options = [option for options in space.choices.values() for option in options if option != layout.absent]
    gap = max(label_gap(cell, options) for cell in layout.cells)
    return stacked([draw_cell(cell, architecture, layout.absent, colours, gap) for cell in layout.cells], CELL_GAP)
