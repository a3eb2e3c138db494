"""The classes on which networks lose most against their teacher, in words."""

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dfnas.artifacts.per_class import ClassAccuracy
from dfnas.artifacts.table1 import RowKey
from dfnas.tables.markdown import escaped

NAMED = 3
"""Classes that the sentence names."""


class Loss(NamedTuple):
    """A class, and the points of accuracy that rows of Table 1 have lost on it against the teacher."""

    label: str
    points: float
    """Mean over the rows; below 0 for a loss."""
    worst: str
    """The row that has lost most."""
    worst_points: float


def losses(lines: Iterable[ClassAccuracy]) -> list[Loss]:
    """Every class with what the rows have lost on it, the greatest loss first."""
    by_class: dict[str, dict[RowKey, float]] = {}
    for line in lines:
        if line.points_from_teacher is not None:
            by_class.setdefault(line.label, {})[line.key] = line.points_from_teacher
    found = []
    for label, points in by_class.items():
        worst = min(points, key=points.__getitem__)
        row = " / ".join(name for name in worst if name)
        found.append(Loss(label, statistics.fmean(points.values()), row, points[worst]))
    return sorted(found, key=lambda loss: loss.points)


def sentence(losses: Sequence[Loss]) -> str:
    """A line of Markdown.

    Args:
        losses: of every class, the greatest first.
    """
    if not losses:
        return "No accuracy of a class is known: there are no original images to test by.\n"
    named = [loss for loss in losses[:NAMED] if loss.points < 0]
    if not named:
        return "No class loses accuracy against the teacher, in the mean over the rows.\n"
    words = (
        f"{escaped(loss.label)} ({loss.points:+.2f} points in the mean over the rows, {loss.worst_points:+.2f} in "
        f"{escaped(loss.worst)})"
        for loss in named
    )
    return f"Classes that lose most accuracy against the teacher: {', '.join(words)}.\n"
