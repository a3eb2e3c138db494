"""What the figures share: no display, the same bytes for the same content, colours, plain axes.

The colours are those of Okabe and Ito 2008, which people with any kind of colour vision tell apart.
"""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

BLUE, VERMILION, GREEN, PURPLE, BLACK, ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00"
SKY, YELLOW, GREY = "#56B4E9", "#F0E442", "#7F7F7F"
OPTION_COLOURS = (ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE, GREY)


def blank(width: float, height: float, **keywords: Any) -> Figure:
    """An empty figure, sides in inches, 100 pixels each."""
    figure = Figure(figsize=(width, height), dpi=100, **keywords)
    FigureCanvasAgg(figure)  # draws without a display, and leaves pyplot's global state alone
    return figure


def padded(**keywords: Any) -> ConstrainedLayoutEngine:
    """The `layout` of a figure whose panels have a tenth of an inch around them."""
    return ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1, **keywords)


def png(figure: Figure) -> bytes:
    """The figure as PNG, without the version of what made it."""
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def option_colours(choices: Mapping[str, tuple[str, ...]], absent: str | None) -> dict[str, str]:
    """A colour for every option of a space but `absent`, in the order in which they appear; they repeat after eight,
    so an option's name has to stand beside its colour."""
    options = dict.fromkeys(option for options in choices.values() for option in options if option != absent)
    return {option: OPTION_COLOURS[i % len(OPTION_COLOURS)] for i, option in enumerate(options)}


def decorate(axes: Axes, title: str, horizontal: str, vertical: str) -> None:
    """Titles, a grid behind the data, no frame."""
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_xlabel(horizontal)
    axes.set_ylabel(vertical)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def legend_below(axes: Axes, columns: int = 2) -> None:
    """A legend where it cannot hide a line."""
    axes.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=columns)
