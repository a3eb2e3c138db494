"""One picture of a search: what it found, how it got there, and what else it judged."""

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dfnas.measure.choice import evenly
from dfnas.pictures.architecture import draw_architecture
from dfnas.pictures.candidates import generations, largest_entropy, mean_entropy, pareto_front, shares
from dfnas.pictures.drawing import paint, readable
from dfnas.pictures.figures import BLACK, ORANGE, VERMILION, blank, png
from dfnas.pictures.search_curves import decorate, draw_panel, legend_below, panels
from dfnas.runtime.resumable import Row
from dfnas.spaces.candidate import Candidate
from dfnas.spaces.space import Space

Strengths = Mapping[str, Mapping[str, float]]

WIDTH, MARGIN, LINE = 15.0, 0.3, 0.24
"""Inches: of a picture at least, around its parts, and of a line of text."""
PANEL_HEIGHT, MAP_ROW = 3.3, 0.19
"""Inches: of a panel, and of a choice in the map of strengths."""
IN_ROW = 3
"""Panels beside each other."""
FEW_CHOICES, MOST_CHOICES = 10, 36
"""Choices of a map that is as high as a panel, and choices with a name of their own in any map."""


def search_png(
    title: str,
    document: Mapping[str, Any],
    space: Space,
    history: Sequence[Row] = (),
    candidates: Sequence[Candidate] = (),
    strengths: Strengths | None = None,
) -> bytes:
    """The architecture on top; below it whatever else there is, as PNG.

    Args:
        document: the architecture file.
        history: as the search wrote it.
        candidates: in the order of their judgement.
        strengths: of every option of every choice. Where candidates were judged, the share of the last generation that
            has an option takes their place.
    """
    drawing = draw_architecture(space, document["choices"])
    course = with_entropy(history, candidates, space)
    draws: list[Callable[[Axes], None]] = [
        lambda axes, panel=panel: draw_panel(axes, panel, course)
        for panel in panels(course, largest_entropy(space.choices))
    ]
    if candidates:
        draws.append(lambda axes: draw_candidates(axes, candidates, document["choices"]))
        last = max(generations(candidates))
        strengths = shares(generations(candidates)[last], space.choices)

    width = max(WIDTH, drawing.width + 2 * MARGIN)
    facts = [line for fact in _facts(document) for line in textwrap.wrap(fact, int(11 * width))]
    head = (1.5 + len(facts)) * LINE + MARGIN
    count = -(-len(draws) // IN_ROW)
    below = max(count * PANEL_HEIGHT, 1.6 + MAP_ROW * min(len(space.choices), MOST_CHOICES) if strengths else 0)
    height = head + drawing.height + MARGIN + (below + MARGIN if below else 0)

    figure = blank(width, height, layout="constrained" if below else None)
    _write(figure, title, facts)
    place = (MARGIN / width, 1 - (head + drawing.height) / height, drawing.width / width, drawing.height / height)
    axes = figure.add_axes(place)
    axes.set_in_layout(False)
    paint(axes, drawing)
    if below:
        area = (MARGIN / width, MARGIN / 2 / height, 1 - 2 * MARGIN / width, below / height)
        figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1, rect=area)
        _draw_below(figure, draws, count, strengths, document["choices"], bool(candidates))
    return png(figure)


def with_entropy(history: Sequence[Row], candidates: Sequence[Candidate], space: Space) -> list[Row]:
    """The history, in which every generation has the entropy of its candidates: for each choice that of the options'
    frequencies among them."""
    judged = generations(candidates)
    found = {number: mean_entropy(shares(members, space.choices)) for number, members in judged.items()}
    return [
        row | {"entropy": found[row["step"]]} if row.get("phase") == "evolution" and row["step"] in found else row
        for row in history
    ]


def draw_candidates(axes: Axes, candidates: Sequence[Candidate], chosen: Mapping[str, str]) -> None:
    """Accuracy against MACs, coloured by generation, with the Pareto front and the chosen architecture."""
    ordered = sorted(candidates, key=lambda candidate: candidate.generation)
    macs, accuracies = [c.macs_m for c in ordered], [100 * (1 - c.top1_error) for c in ordered]
    colours = [c.generation for c in ordered]
    points = axes.scatter(macs, accuracies, s=18, c=colours, cmap="cividis", label="candidate", linewidths=0, zorder=2)
    if colours[0] != colours[-1]:
        bar = axes.figure.colorbar(points, ax=axes, label="generation", pad=0.02)
        bar.set_ticks([colours[0], colours[-1]])
    front = pareto_front([(c.macs_m, c.top1_error) for c in ordered])
    line = {"color": VERMILION, "linewidth": 1.2, "markersize": 4, "drawstyle": "steps-post", "zorder": 3}
    axes.plot([macs[i] for i in front], [accuracies[i] for i in front], "s-", label="Pareto front", **line)
    for place in [i for i, candidate in enumerate(ordered) if candidate.architecture == dict(chosen)][:1]:
        star = {"s": 170, "color": ORANGE, "edgecolors": BLACK, "zorder": 4}
        axes.scatter(macs[place], accuracies[place], marker="*", label="chosen", **star)
    axes.margins(0.06)
    decorate(axes, "Judged candidates", "million multiply-accumulates", "held-out top-1 accuracy, %")
    legend_below(axes, columns=3)


def draw_strengths(axes: Axes, strengths: Strengths, chosen: Mapping[str, str], title: str, scale: str) -> None:
    """A map of choices by options; the chosen option of each choice has a dot, what a choice lacks is white."""
    options = list(dict.fromkeys(option for each in strengths.values() for option in each))
    values = np.array([[each.get(option, math.nan) for option in options] for each in strengths.values()])
    image = axes.imshow(values, cmap="cividis", vmin=0, aspect="auto", interpolation="nearest")
    axes.figure.colorbar(image, ax=axes, label=scale, pad=0.02)
    dots = [(options.index(chosen[choice]), row) for row, choice in enumerate(strengths)]
    axes.scatter(
        *zip(*dots, strict=True),
        s=16,
        color="white",
        edgecolors=BLACK,
        linewidths=0.8,
    )
    names = list(strengths)
    shown = evenly(len(names), MOST_CHOICES)
    axes.set_yticks(shown, [names[row] for row in shown], fontsize=8)
    axes.set_xticks(range(len(options)), [readable(option) for option in options], fontsize=8, rotation=90)
    axes.tick_params(length=0)
    axes.set_title(title, fontsize=11, loc="left")


def _facts(document: Mapping[str, Any]) -> list[str]:
    """What the architecture file says beside the choices."""
    task, space = document["task"], document["space"]
    size = " × ".join(map(str, (task["channels"], *task["size"])))
    sizes = f"{document['parameters']:,} parameters, {document['macs']:,} multiply-accumulates an image"
    facts = [f"Space {space['name']}; {size} to {task['classes']} classes; {sizes}"]
    said = "; ".join(f"{readable(name)}: {_word(value)}" for name, value in document.get("search", {}).items())
    return [*facts, f"Search: {said}"] if said else facts


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else "–" if value is None else str(value)


def _write(figure: Figure, title: str, facts: Sequence[str]) -> None:
    width, height = figure.get_size_inches()
    placed = {"va": "top", "ha": "left", "in_layout": False}
    figure.text(MARGIN / width, 1 - LINE / 2 / height, title, fontsize=13, **placed)
    for i, fact in enumerate(facts):
        figure.text(MARGIN / width, 1 - (1.8 + i) * LINE / height, fact, fontsize=10, color="0.25", **placed)


def _draw_below(
    figure: Figure,
    draws: Sequence[Callable[[Axes], None]],
    rows: int,
    strengths: Strengths | None,
    chosen: Mapping[str, str],
    judged: bool,
) -> None:
    """Panels in rows, and the map of strengths to their right, over the whole height if it needs that."""
    columns = -(-len(draws) // max(rows, 1))
    grid = figure.add_gridspec(max(rows, 1), columns + bool(strengths))
    for i, draw in enumerate(draws):
        row, column = divmod(i, columns)
        # The last one has the rest of its row.
        draw(figure.add_subplot(grid[row, column:columns] if i + 1 == len(draws) else grid[row, column]))
    if strengths:
        what, scale = ("Last generation", "share of its candidates") if judged else ("Strengths", "probability")
        place = grid[0 if len(strengths) <= FEW_CHOICES else slice(None), columns]
        draw_strengths(figure.add_subplot(place), strengths, chosen, f"{what} (dot: chosen)", scale)
