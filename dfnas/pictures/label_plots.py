"""How the teacher's soft labels change over the generations of recursive calibration.

K classes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from dfnas.measure.choice import evenly
from dfnas.pictures.figures import blank, decorate, png
from dfnas.pictures.palette import data_colours

MOST_MATRICES, MOST_NAMES = 5, 20
"""Generations of which a matrix is drawn, and classes that are named beside it."""
FAINTEST = 1e-4
"""Probability from which on the colours of a matrix tell more from less."""
CURVE_HEIGHT, MATRIX_HEIGHT, WIDTH = 3.7, 3.6, 15.0
"""Inches."""


class Labels(NamedTuple):
    """The soft labels of one generation; entropies are means in nats."""

    generation: int
    confidence: float
    """Mean probability of the most probable class."""
    entropy: float
    aimed_entropy: float
    """Of the distributions that the images aimed at: the labels of the generation before."""
    agreement: float
    """Share of images whose most probable class is the one that they were made for."""
    shift: float
    """Mean total-variation distance between label and aim, 0 to 1."""
    by_class: np.ndarray
    """(K, K): row k is the mean label of the images made for class k; NaN where there are none."""


CURVES: tuple[tuple[str, str, float, Callable[[Labels], float]], ...] = (
    ("Confidence", "probability of the likeliest class, mean", 1, lambda labels: labels.confidence),
    ("Entropy", "nats, mean", math.inf, lambda labels: labels.entropy),
    ("Agreement with the aim", "% of the images", 100, lambda labels: 100 * labels.agreement),
    ("Change from the aim", "total-variation distance, mean", 1, lambda labels: labels.shift),
)
"""Title, unit, largest value that there can be, and the value."""


def labels_png(sources: Mapping[str, Sequence[Labels]], class_names: Sequence[str]) -> bytes:
    """Curves over the generations, a line for each data set; below them, for each data set, the mean soft label of the
    images of each class, generation by generation. As PNG.

    Args:
        sources: the generations of each data set, in order.
    """
    figure = blank(WIDTH, CURVE_HEIGHT + MATRIX_HEIGHT * len(sources), layout="constrained")
    heights = [CURVE_HEIGHT, *[MATRIX_HEIGHT] * len(sources)]
    above, *below = figure.subfigures(1 + len(sources), 1, height_ratios=heights, squeeze=False)[:, 0]
    draw_curves(above, sources)
    for part, (name, generations) in zip(below, sources.items(), strict=True):
        _draw_matrices(part, name, generations, class_names)
    return png(figure)


def draw_curves(figure: Figure | SubFigure, sources: Mapping[str, Sequence[Labels]]) -> None:
    colours = data_colours(sources)
    panels = figure.subplots(1, len(CURVES))
    for axes, (title, unit, most, value) in zip(panels, CURVES, strict=True):
        for name, generations in sources.items():
            numbers = [labels.generation for labels in generations]
            line = {"color": colours[name], "markersize": 5, "clip_on": False}
            axes.plot(numbers, list(map(value, generations)), "o-", label=name, **line)
            if title == "Entropy":
                aims = [labels.aimed_entropy for labels in generations]
                axes.plot(numbers, aims, "o--", label=f"{name}: aimed at", fillstyle="none", **line)
        decorate(axes, title, "generation", unit)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        axes.margins(x=0.15, y=0.12)
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, 0), min(high, most))
    handles, names = panels[1].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=8, frameon=False, fontsize=9)


def _draw_matrices(
    figure: Figure | SubFigure, name: str, generations: Sequence[Labels], class_names: Sequence[str]
) -> None:
    figure.suptitle(f"{name}: mean soft label of the images of each class", fontsize=11, x=0.01, ha="left")
    shown = [generations[place] for place in evenly(len(generations), MOST_MATRICES)]
    # As many places as there could be, so that a matrix is as large in every report.
    panels = figure.subplots(1, MOST_MATRICES)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    for axes, labels in zip(panels, shown, strict=False):
        image = draw_matrix(axes, labels, class_names)
    panels[0].set_ylabel("made for class")
    figure.colorbar(image, ax=list(panels[: len(shown)]), label="mean probability", pad=0.01, extend="min", shrink=0.8)


def draw_matrix(axes: Axes, labels: Labels, class_names: Sequence[str]) -> AxesImage:
    values = np.clip(labels.by_class, FAINTEST, 1)  # NaN stays NaN, and white
    image = axes.imshow(values, cmap="cividis", norm=LogNorm(FAINTEST, 1), interpolation="nearest")
    axes.set_title(f"generation {labels.generation}", fontsize=10)
    axes.set_xlabel("seen as class")
    named = range(len(class_names)) if len(class_names) <= MOST_NAMES else []
    short = [class_names[place][:10] for place in named]
    axes.set_xticks(named, short, fontsize=8, rotation=90 if max(map(len, short), default=0) > 2 else 0)
    axes.set_yticks(named, short, fontsize=8)
    axes.tick_params(length=0)
    return image
