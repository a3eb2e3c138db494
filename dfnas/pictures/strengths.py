"""How strong the options of every choice are, as a map of colours."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from dfnas.measure.choice import evenly
from dfnas.pictures.drawing import readable
from dfnas.pictures.figures import BLACK

Strengths = Mapping[str, Mapping[str, float]]
"""A number for every option of every choice."""

MOST_NAMES = 36
"""Choices that have a name of their own beside the map."""


def draw_strengths(axes: Axes, strengths: Strengths, chosen: Mapping[str, str], title: str, scale: str) -> None:
    """A map of choices by options; the chosen option of each choice has a dot, what a choice lacks is white."""
    options = list(dict.fromkeys(option for each in strengths.values() for option in each))
    values = np.array([[each.get(option, math.nan) for option in options] for each in strengths.values()])
    image = axes.imshow(values, cmap="cividis", vmin=0, aspect="auto", interpolation="nearest")
    axes.figure.colorbar(image, ax=axes, label=scale, pad=0.02)
    names = list(strengths)
    dots = [options.index(chosen[choice]) for choice in names]
    axes.scatter(dots, range(len(names)), s=16, color="white", edgecolors=BLACK, linewidths=0.8)
    shown = evenly(len(names), MOST_NAMES)
    axes.set_yticks(shown, [names[row] for row in shown], fontsize=8)
    axes.set_xticks(range(len(options)), [readable(option) for option in options], fontsize=8, rotation=90)
    axes.tick_params(length=0)
    axes.set_title(title, fontsize=11, loc="left")
