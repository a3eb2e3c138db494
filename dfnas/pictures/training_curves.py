"""The courses of trainings beside each other: loss, error on validation images, learning rate, over the epochs."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from dfnas.pictures.figures import OPTION_COLOURS, blank, decorate, legend_below, padded, png
from dfnas.runtime.resumable import Row


@dataclass(frozen=True)
class Course:
    """One training."""

    kind: str
    """What it has in common with those of other seeds, for the legend."""
    history: Sequence[Row]
    """A row for each epoch, as `Training` reports it."""


PANELS = (
    ("train_loss", "Training loss", "mean over the epoch", 1.0),
    ("validation_error", "Error on validation images", "top-1, %", 100.0),
    ("lr", "Learning rate", "of the epoch's last step", 1.0),
)
"""Column, title, unit, and what turns the column into it."""


def training_png(title: str, courses: Sequence[Course]) -> bytes:
    """A panel for each quantity, a line for each training, those of one kind in one colour, as PNG."""
    figure = blank(15, 4.6, layout=padded())
    figure.suptitle(title, x=0.01, ha="left", fontsize=13)
    for axes, panel in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        _draw(axes, panel, courses)
    return png(figure)


def _draw(axes: Axes, panel: tuple[str, str, str, float], courses: Sequence[Course]) -> None:
    column, title, unit, scale = panel
    kinds = list(dict.fromkeys(course.kind for course in courses))
    shown: set[str] = set()
    for course in courses:
        colour = OPTION_COLOURS[kinds.index(course.kind) % len(OPTION_COLOURS)]
        epochs = [row["epoch"] for row in course.history]
        values = [scale * float(row[column]) for row in course.history]
        name = None if course.kind in shown else course.kind  # once in the legend
        marker = "o" if len(epochs) < 40 else ""
        axes.plot(epochs, values, f"{marker}-", color=colour, label=name, markersize=3, linewidth=1.2, alpha=0.8)
        shown.add(course.kind)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    decorate(axes, title, "epoch", unit)
    legend_below(axes)
