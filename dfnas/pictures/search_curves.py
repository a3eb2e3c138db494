"""The course of a search: what its history says, panel by panel, over epochs, steps, generations or candidates."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator

from dfnas.pictures.drawing import readable
from dfnas.pictures.figures import BLACK, BLUE, GREEN, ORANGE, VERMILION, decorate, legend_below
from dfnas.runtime.resumable import Row

TIMES = ("epoch", "step", "candidate", "decision")
"""Columns that say when a row was written: each row has one of them."""
COUNTED = {"supernet": "step of the supernet's training", "evolution": "generation"}
"""What a step is in phases that count their own."""
NO_CURVES = (*TIMES, "phase", "judged", "trained_images", "judged_images")
"""Times, and counts that only rise with them."""
PHASES = {"warmup": "warm-up"}
"""Phases that have another name in words."""


@dataclass(frozen=True)
class Line:
    """A column of the history with its name in the legend."""

    column: str
    name: str
    colour: str


@dataclass(frozen=True)
class Panel:
    """Columns of one unit; `scale` turns them into it. `bound` is drawn beside them."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    scale: float = 1.0
    bound: tuple[float, str] | None = None


PANELS = (
    Panel(
        "Loss",
        "mean over the steps",
        (
            Line("train_loss", "weights", BLUE),
            Line("architecture_loss", "architecture", VERMILION),
        ),
    ),
    Panel(
        "Error on held-out images",
        "top-1, %",
        (
            Line("validation_error", "supernet", BLACK),
            Line("top1_error", "candidate", BLUE),
            Line("mean_top1_error", "mean of the generation", ORANGE),
            Line("best_top1_error", "best so far", GREEN),
        ),
        scale=100,
    ),
    Panel(
        "Entropy over the options",
        "nats, mean over the choices",
        (Line("entropy", "entropy", BLUE),),
    ),
    Panel(
        "Multiply-accumulates",
        "millions",
        (Line("expected_macs_m", "expected", BLUE), Line("best_macs_m", "of the best so far", GREEN)),
    ),
    Panel("Weights", "millions", (Line("expected_params_m", "expected", BLUE),)),
    Panel("Latency", "milliseconds", (Line("expected_latency_ms", "expected", BLUE),)),
    Panel(
        "Skip connections", "% of the choices that offer one", (Line("skip_share", "architecture", BLUE),), scale=100
    ),
    Panel(
        "Sharpness of the held-out loss",
        "largest eigenvalue of its Hessian",
        (Line("dominant_eigenvalue", "by the architecture's parameters", BLUE),),
    ),
)


def panels(history: Sequence[Row], largest_entropy: float) -> list[Panel]:
    """The panels that a history has something for: those known here, then one for each further column of numbers.

    Args:
        largest_entropy: of the distribution over architectures, where all options are equally likely.
    """
    columns = {name: None for row in history for name, value in row.items() if isinstance(value, float)}
    known = {line.column for panel in PANELS for line in panel.lines}
    found = []
    for panel in PANELS:
        lines = tuple(line for line in panel.lines if line.column in columns)
        bound = (largest_entropy, "all options alike") if panel.lines[0].column == "entropy" else None
        if lines:
            found.append(Panel(panel.title, panel.unit, lines, panel.scale, bound))
    others = [column for column in columns if column not in known and column not in NO_CURVES]
    return found + [Panel(readable(name).capitalize(), "", (Line(name, name, BLUE),)) for name in others]


def draw_panel(axes: Axes, panel: Panel, history: Sequence[Row]) -> None:
    """Draws a panel on the rows that have one of its columns."""
    shown = [row for row in history if any(line.column in row for line in panel.lines)]
    times = _times(shown)
    for line in panel.lines:
        points = [
            (time, panel.scale * float(row[line.column]))
            for time, row in zip(times, shown, strict=True)
            if line.column in row
        ]
        marker = "o" if len(points) < 40 else ""
        axes.plot(*zip(*points, strict=True), f"{marker}-", color=line.colour, label=line.name, markersize=3.5)
    if panel.bound is not None:
        axes.axhline(panel.bound[0], color="0.5", linestyle="--", linewidth=1, label=panel.bound[1])
    axes.margins(y=0.18)  # room for the names of the phases
    bottom, top = axes.get_ylim()
    if bottom < 0 <= min(float(value) for line in axes.lines for value in np.asarray(line.get_ydata())):
        axes.set_ylim(0, top)
    if times[0] == times[-1]:
        axes.set_xlim(times[0] - 0.5, times[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 30k: the numbers of steps are long
    _shade_phases(axes, shown, times)
    decorate(axes, panel.title, ", then ".join(dict.fromkeys(_time(row)[0] for row in shown)), panel.unit)
    legend_below(axes)


def _time(row: Row) -> tuple[str, float]:
    """What the row's time is counted in, and its time."""
    name = next(name for name in TIMES if name in row)
    return COUNTED.get(str(row.get("phase")), name), float(row[name])


def _times(rows: Sequence[Row]) -> list[float]:
    """The place of every row on one axis: where another count begins, it goes on from the end of the one before."""
    times: list[float] = []
    for _, counted in itertools.groupby(map(_time, rows), lambda time: time[0]):
        start = times[-1] if times else 0
        times += [start + time for _, time in counted]
    return times


def _shade_phases(axes: Axes, rows: Sequence[Row], times: Sequence[float]) -> None:
    """Every other phase on grey, each with its name at the top, where there are two or more. A phase ends half-way
    between its last row and the next."""
    placed = zip(map(_phase, rows), times, strict=True)
    phases = [(name, [time for _, time in each]) for name, each in itertools.groupby(placed, lambda one: one[0])]
    if len(phases) < 2:
        return
    ends = axes.get_xlim()
    borders = [(before[-1] + after[0]) / 2 for (_, before), (_, after) in itertools.pairwise(phases)]
    for i, (name, _) in enumerate(phases):
        start, end = (ends[0], *borders)[i], (*borders, ends[1])[i]
        if i % 2 == 0:
            axes.axvspan(start, end, color="0.95", zorder=0, linewidth=0)
        place = (start + end) / 2, 0.97
        axes.text(*place, name, transform=axes.get_xaxis_transform(), size=9, color="0.35", ha="center", va="top")
    axes.set_xlim(*ends)


def _phase(row: Row) -> str:
    name = str(row.get("phase", "selection" if "decision" in row else "search"))
    return PHASES.get(name, name)
