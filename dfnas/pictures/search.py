"""One picture of a search: what it found, how it got there, and what else it judged."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dfnas.artifacts.architecture import FoundArchitecture
from dfnas.pictures.architecture import draw_architecture
from dfnas.pictures.candidates import generations, largest_entropy, mean_entropy, shares
from dfnas.pictures.drawing import paint, readable
from dfnas.pictures.figures import blank, padded, png
from dfnas.pictures.scatter import draw_candidates
from dfnas.pictures.search_curves import draw_panel, panels
from dfnas.pictures.strengths import MOST_NAMES, Strengths, draw_strengths
from dfnas.runtime.resumable import Row
from dfnas.spaces.candidate import Candidate
from dfnas.spaces.space import Space

WIDTH, MARGIN, LINE = 15.0, 0.3, 0.24
"""Inches: of a picture at least, around its parts, and of a line of text."""
LETTERS = 11
"""Of the smaller text, to an inch."""
PANEL_HEIGHT, MAP_ROW = 3.3, 0.19
"""Inches: of a panel, and of a choice in the map of strengths."""
IN_ROW = 3
"""Panels beside each other."""
FEW_CHOICES = 10
"""Choices of a map that is as high as a panel."""


def search_png(
    title: str,
    found: FoundArchitecture,
    space: Space,
    history: Sequence[Row] = (),
    candidates: Sequence[Candidate] = (),
    strengths: Strengths | None = None,
) -> bytes:
    """The architecture on top; below it whatever else there is, as PNG.

    Args:
        found: the architecture.
        history: as the search wrote it.
        candidates: in the order of their judgement.
        strengths: of every option of every choice. Where candidates were judged, and not ranked by what a supernet has
            learnt, the share of the last generation that has an option takes their place.
    """
    drawing = draw_architecture(space, found.choices)
    course = with_entropy(history, candidates, space)
    draws: list[Callable[[Axes], None]] = [
        partial(draw_panel, panel=panel, history=course) for panel in panels(course, largest_entropy(space.choices))
    ]
    what, scale = "Strengths", "probability"
    if candidates:
        draws.append(lambda axes: draw_candidates(axes, candidates, found.choices))
        bred = generations(candidates)
        if strengths is None or not _learnt(candidates):
            strengths = shares(bred[max(bred)], space.choices)
            what, scale = ("Last generation" if len(bred) > 1 else "Candidates"), "share of candidates"

    width = max(WIDTH, drawing.width + 2 * MARGIN)
    facts = [line for fact in _facts(found, space) for line in textwrap.wrap(fact, int(LETTERS * width))]
    head = (1.5 + len(facts)) * LINE + MARGIN
    count = -(-len(draws) // IN_ROW)
    below = max(count * PANEL_HEIGHT, 1.6 + MAP_ROW * min(len(space.choices), MOST_NAMES) if strengths else 0)
    height = head + drawing.height + MARGIN + (below + MARGIN if below else 0)

    area = (MARGIN / width, MARGIN / 2 / height, 1 - 2 * MARGIN / width, below / height)
    figure = blank(width, height, layout=padded(rect=area) if below else None)
    _write(figure, title, facts)
    place = (MARGIN / width, 1 - (head + drawing.height) / height, drawing.width / width, drawing.height / height)
    axes = figure.add_axes(place)
    axes.set_in_layout(False)
    paint(axes, drawing)
    if below:
        _draw_below(figure, draws, count, strengths, found.choices, what, scale)
    return png(figure)


def _learnt(candidates: Sequence[Candidate]) -> bool:
    """Whether candidates were ranked by their strength."""
    return any(candidate.strength is not None for candidate in candidates)


def with_entropy(history: Sequence[Row], candidates: Sequence[Candidate], space: Space) -> list[Row]:
    """The history, in which every generation has the entropy of its candidates: for each choice that of the options'
    frequencies among them."""
    judged = generations(candidates)
    found = {number: mean_entropy(shares(members, space.choices)) for number, members in judged.items()}
    numbers = [int(row["step"]) if row.get("phase") == "evolution" else None for row in history]
    return [
        row | {"entropy": found[number]} if number in found else row
        for row, number in zip(history, numbers, strict=True)
    ]


def _facts(found: FoundArchitecture, space: Space) -> list[str]:
    """What the architecture file says beside the choices."""
    task = space.task
    size = " × ".join(map(str, (task.channels, *task.size)))
    sizes = f"{found.parameters:,} parameters, {found.macs:,} multiply-accumulates an image"
    facts = [f"Space {found.space.name}; {size} to {task.classes} classes; {sizes}"]
    said = "; ".join(f"{readable(name)}: {_word(value)}" for name, value in found.search.items())
    return [*facts, f"Search: {said}"] if said else facts


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else "–" if value is None else str(value)


def _write(figure: Figure, title: str, facts: Sequence[str]) -> None:
    width, height = figure.get_size_inches()
    placed: dict[str, Any] = {"va": "top", "ha": "left", "in_layout": False}
    figure.text(MARGIN / width, 1 - LINE / 2 / height, title, fontsize=13, **placed)
    for i, fact in enumerate(facts):
        figure.text(MARGIN / width, 1 - (1.8 + i) * LINE / height, fact, fontsize=10, color="0.25", **placed)


def _draw_below(
    figure: Figure,
    draws: Sequence[Callable[[Axes], None]],
    rows: int,
    strengths: Strengths | None,
    chosen: Mapping[str, str],
    what: str,
    scale: str,
) -> None:
    """Panels in rows, and the map of strengths to their right, over the whole height if it needs that."""
    columns = -(-len(draws) // max(rows, 1))
    grid = figure.add_gridspec(max(rows, 1), columns + bool(strengths))
    for i, draw in enumerate(draws):
        row, column = divmod(i, columns)
        # The last one has the rest of its row.
        draw(figure.add_subplot(grid[row, column:columns] if i + 1 == len(draws) else grid[row, column]))
    if strengths:
        place = grid[0 if len(strengths) <= FEW_CHOICES else slice(None), columns]
        draw_strengths(figure.add_subplot(place), strengths, chosen, f"{what} (dot: chosen)", scale)
