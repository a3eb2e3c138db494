"""Test error of all trained networks: by algorithm, and against what they cost."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from dfnas.pictures.candidates import pareto_front
from dfnas.pictures.figures import ORANGE, blank, decorate, png
from dfnas.pictures.palette import data_colours, shapes
from dfnas.settings.sources import NO_DATA

WIDTH, ROW_HEIGHT, LEGEND_HEIGHT = 15.0, 4.6, 0.8
"""Inches."""
ACROSS = 0.7
"""Share of an algorithm's place on the axis that its data sets stand on."""
FAINT = 0.4
"""Opacity of a single seed."""


class Network(NamedTuple):
    """A trained network, or the teacher."""

    algorithm: str
    search_data: str
    retrain_data: str
    error: float
    """On the test images, in percent."""
    macs_m: float
    params_m: float


Row = tuple[Network, ...]
"""The networks of all seeds of one algorithm, search data and retrain data."""
COSTS: tuple[tuple[str, str, Callable[[Network], float]], ...] = (
    ("Against multiply-accumulates", "millions for an image, logarithmic", lambda network: network.macs_m),
    ("Against parameters", "millions, logarithmic", lambda network: network.params_m),
)
"""Title, unit and value."""


def comparison_png(networks: Sequence[Network], teacher: Network) -> bytes:
    """For each retrain data a row of panels: error by algorithm, against MACs, and against parameters. As PNG."""
    groups: dict[str, dict[tuple[str, str], list[Network]]] = {}
    for network in networks:
        row = groups.setdefault(network.retrain_data, {}).setdefault((network.algorithm, network.search_data), [])
        row.append(network)
    figure = blank(WIDTH, ROW_HEIGHT * len(groups) + LEGEND_HEIGHT, layout="constrained")
    panels = figure.subplots(len(groups), 1 + len(COSTS), sharey="row", squeeze=False)
    colours, forms = data_colours(n.search_data for n in networks), shapes(n.algorithm for n in networks)
    for (first, *others), (data, found) in zip(panels, groups.items(), strict=True):
        rows = [tuple(row) for row in found.values()]
        draw_by_algorithm(first, rows, colours, forms)
        decorate(first, f"By algorithm, retrained on {data} images", "", "top-1 test error, %")
        for axes, (title, unit, cost) in zip(others, COSTS, strict=True):
            draw_against_cost(axes, rows, teacher, cost, colours, forms)
            decorate(axes, title, unit, "")
        for axes in (first, *others):
            axes.axhline(teacher.error, color=ORANGE, linestyle="--", linewidth=1.2, zorder=1)
        first.set_ylim(bottom=max(0, first.get_ylim()[0]))
    _add_legend(figure, colours, forms)
    return png(figure)


def draw_by_algorithm(axes: Axes, rows: Sequence[Row], colours: dict[str, str], forms: dict[str, str]) -> None:
    """Seeds as faint points, their mean with its standard deviation beside them."""
    algorithms = list(dict.fromkeys(row[0].algorithm for row in rows))
    for place, algorithm in enumerate(algorithms):
        own = [row for row in rows if row[0].algorithm == algorithm]
        width = ACROSS / len(own)
        for i, row in enumerate(own):
            middle = place + width * (i + 0.5) - ACROSS / 2
            errors, colour = [network.error for network in row], colours[row[0].search_data]
            seeds = [middle - width / 4] * len(row)
            axes.scatter(seeds, errors, marker=forms[algorithm], color=colour, alpha=FAINT, s=22, linewidths=0)
            mean: dict[str, Any] = {"fmt": forms[algorithm], "color": colour, "markersize": 8, "capsize": 3}
            axes.errorbar(middle + width / 8, statistics.fmean(errors), _spread(errors), **mean)
    axes.set_xticks(range(len(algorithms)), algorithms)
    axes.set_xlim(-0.6, len(algorithms) - 0.4)


def draw_against_cost(
    axes: Axes,
    rows: Sequence[Row],
    teacher: Network,
    cost: Callable[[Network], float],
    colours: dict[str, str],
    forms: dict[str, str],
) -> None:
    """The same against a cost, with the front of the means that no other mean is better than in both."""
    means = []
    for row in rows:
        algorithm, colour = row[0].algorithm, colours[row[0].search_data]
        costs, errors = list(map(cost, row)), [network.error for network in row]
        axes.scatter(costs, errors, marker=forms[algorithm], color=colour, alpha=FAINT, s=22, linewidths=0)
        mean: dict[str, Any] = {"fmt": forms[algorithm], "color": colour, "markersize": 8, "capsize": 3, "zorder": 3}
        means.append((statistics.fmean(costs), statistics.fmean(errors)))
        axes.errorbar(*means[-1], _spread(errors), _spread(costs), **mean)
    front = [means[place] for place in pareto_front(means)]
    axes.plot(*zip(*front, strict=True), drawstyle="steps-post", color="0.6", linewidth=1.2, zorder=1)
    axes.scatter(cost(teacher), teacher.error, marker="*", s=170, color=ORANGE, edgecolors="black", zorder=4)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _spread(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def _add_legend(figure: Figure, colours: dict[str, str], forms: dict[str, str]) -> None:
    """Colours are data, shapes are algorithms."""
    none: dict[str, Any] = {"linestyle": "none", "markersize": 8}
    handles = [
        Line2D([], [], marker="s", color=colour, label=searched_on(data), **none) for data, colour in colours.items()
    ]
    handles += [Line2D([], [], marker=form, color="0.5", label=name, **none) for name, form in forms.items()]
    handles.append(Line2D([], [], marker="*", color=ORANGE, markeredgecolor="black", label="teacher", linestyle="--"))
    handles.append(Line2D([], [], color="0.6", label="Pareto front of the means"))
    figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False, fontsize=9)


def searched_on(data: str) -> str:
    """What a legend says of data."""
    return "searched without images" if data == NO_DATA else f"searched on {data}"
