"""Plot of regret against budget: searches by data, beside what needs no search."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from dfnas.artifacts.budgets import BudgetRow
from dfnas.measure.rank_aggregation import AGGREGATES
from dfnas.pictures.comparison import searched_on
from dfnas.pictures.figures import ORANGE, blank, decorate, padded, png
from dfnas.pictures.palette import data_colours, shapes
from dfnas.settings.sources import NO_DATA

WIDTH, HEIGHT, LEGEND_HEIGHT = 5.4, 4.4, 1.1
"""Inches of a panel, and of the legend below all."""
LEAST = 0.05
"""Points of regret that the axis begins with: what has less stands there."""
APART = 0.07
"""Of two searches at one budget, which is 1 from the next."""
STICKS = {"largest": (0, (6, 2)), "mean_near": (0, (1, 1.5)), "best_of_10_near": (0, (4, 1.5, 1, 1.5))}
"""Yardsticks by the dashes of their line, all grey, if the table has them."""
STICKS |= {"best_of_100_near": (0, (3, 1))}
GREYS = {"largest": "0.25", "mean_near": "0.55", "best_of_10_near": "0.55", "best_of_100_near": "0.25"}
WORDS = {
    "largest": "largest in the budget",
    "mean_near": "random, near the budget",
    "best_of_10_near": "best of 10 random",
    "best_of_100_near": "best of 100 random",
    "az_nas": "AZ-NAS, no training",
    "az_nas_synflow": "AZ-NAS with SynFlow",
}
AGGREGATE_STYLES = dict(zip(AGGREGATES, ("--", "-"), strict=True))


def budgets_png(rows: Sequence[BudgetRow]) -> bytes:
    """A row of panels for each column of the table of true accuracies, a panel in it for each search algorithm, as PNG.
    Lines join budgets that limit the same; whiskers are the intervals of the rows.

    Args:
        rows: of `budgets.csv`.
    """
    columns = list(dict.fromkeys(row.column for row in rows))
    searches = [row for row in rows if row.found_by == "search"]
    algorithms = list(dict.fromkeys(row.algorithm for row in searches)) or [""]
    width, height = WIDTH * len(algorithms), HEIGHT * len(columns) + LEGEND_HEIGHT
    figure = blank(max(width, 2 * WIDTH), height, layout=padded())
    panels = figure.subplots(len(columns), len(algorithms), squeeze=False, sharey="row")
    colours, forms = data_colours(row.search_data for row in searches), shapes(algorithms)
    for line, column in zip(panels, columns, strict=True):
        own = [row for row in rows if row.column == column]
        for axes, algorithm in zip(line, algorithms, strict=True):
            decorate(axes, f"{algorithm}\n{column}", "budget", "")
        for axes, algorithm in zip(line, algorithms, strict=True):  # which share what they are scaled by
            budget_panel(axes, own, algorithm, colours, forms[algorithm])
        line[0].set_ylabel("regret, points, logarithmic")
    figure.legend(handles=_handles(rows, colours), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return png(figure)


def budget_panel(axes: Axes, rows: Sequence[BudgetRow], algorithm: str, colours: dict[str, str], form: str) -> None:
    """What one algorithm found by data, beside what needs no search or no training, in regret against budget. AZ-NAS is
    that on noise, if it was shown any."""
    budgets = list(dict.fromkeys(row.budget for row in rows))
    limits = {row.budget: _limited(row) for row in rows}
    pieces = _pieces(budgets, limits)
    for name, dashes in STICKS.items():
        _line(axes, _named(rows, "yardstick", name), pieces, color=GREYS[name], linestyle=dashes, linewidth=1.3)
    for name, style in AGGREGATE_STYLES.items():
        found = _named(rows, "proxy", name)
        data = min((row.search_data for row in found), key=lambda data: data != NO_DATA, default=NO_DATA)
        found = [row for row in found if row.search_data == data]
        _line(axes, found, pieces, color=ORANGE, linestyle=style, linewidth=1.6)
    own = _named(rows, "search", algorithm)
    kinds = list(dict.fromkeys(row.search_data for row in own))
    for place, data in enumerate(kinds):
        shift = APART * (place - (len(kinds) - 1) / 2)
        found = [row for row in own if row.search_data == data]
        _line(axes, found, pieces, shift, color=colours[data], marker=form, markersize=6, linewidth=1.6)
        for row in found:
            if row.regret_low is not None and row.regret_high is not None:
                ends = [max(row.regret_low, LEAST), max(row.regret_high, LEAST)]
                axes.plot([budgets.index(row.budget) + shift] * 2, ends, color=colours[data], linewidth=0.8, alpha=0.6)
    _scale(axes, rows, budgets)


def _scale(axes: Axes, rows: Sequence[BudgetRow], budgets: Sequence[str]) -> None:
    """Axes that every panel of a row has alike."""
    shown = [row for row in rows if row.found_by == "search" or row.algorithm in WORDS]
    highest = max([LEAST * 10, *(row.regret_mean for row in shown)])
    axes.set_yscale("log")
    axes.set_ylim(LEAST * 0.85, 2 * highest)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(range(len(budgets)), [budget.replace(" ", "\n", 1) for budget in budgets], fontsize=9)
    axes.set_xlim(-0.4, len(budgets) - 0.6)


def _line(
    axes: Axes, rows: Sequence[BudgetRow], pieces: Sequence[dict[str, int]], shift: float = 0.0, **look: Any
) -> None:
    """What a search, a proxy or a yardstick leaves to be wished in each budget."""
    for piece in pieces:
        points = [(piece[row.budget] + shift, max(row.regret_mean, LEAST)) for row in rows if row.budget in piece]
        if points:
            axes.plot(*zip(*points, strict=True), **look)


def _named(rows: Sequence[BudgetRow], found_by: str, name: str) -> list[BudgetRow]:
    return [row for row in rows if row.found_by == found_by and row.algorithm == name]


def _limited(row: BudgetRow) -> tuple[bool, bool, bool]:
    """What a budget limits."""
    return row.max_macs_m > 0, row.max_params_m > 0, row.max_latency_ms > 0


def _pieces(budgets: Sequence[str], limited: dict[str, tuple[bool, bool, bool]]) -> list[dict[str, int]]:
    """Budgets in a row that limit the same, each with its place on the axis. No limit is a wide one of any kind."""
    pieces = [{budgets[0]: 0}]
    for place, (before, budget) in enumerate(pairwise(budgets), 1):
        if any(limited[budget]) and limited[budget] != limited[before]:
            pieces.append({})
        pieces[-1][budget] = place
    return pieces


def _handles(rows: Sequence[BudgetRow], colours: dict[str, str]) -> list[Line2D]:
    """Colours are data; grey lines need no search, orange ones no training."""
    handles = [Line2D([], [], color=colour, marker="s", label=searched_on(data)) for data, colour in colours.items()]
    there = {row.algorithm for row in rows}
    looks: dict[str, dict[str, Any]] = {name: {"color": GREYS[name], "linestyle": STICKS[name]} for name in STICKS}
    looks |= {name: {"color": ORANGE, "linestyle": style} for name, style in AGGREGATE_STYLES.items()}
    return handles + [Line2D([], [], label=WORDS[name], **look) for name, look in looks.items() if name in there]
