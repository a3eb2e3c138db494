"""What the rows of Table 1 lose against the teacher on each class, read from `per_class.csv`.

Apart from its writing, so that what is said of losses, and how, concerns no table of figures.
"""

import statistics
from pathlib import Path

from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import read_csv
from dfnas.stages.class_accuracies import COLUMNS
from dfnas.stages.rows import KEYS
from dfnas.tables.classes import Loss


def read_losses(path: Path) -> list[Loss]:
    """Every class with what the rows have lost on it, the greatest loss first.

    Raises:
        InputError: no such file, a column is missing, or what should be a number is none.
    """
    by_class: dict[str, dict[tuple[str, ...], float]] = {}
    for row in read_csv(path, COLUMNS):
        try:
            if row["points_from_teacher"]:
                key = tuple(row[name] for name in KEYS)
                by_class.setdefault(row["class"], {})[key] = float(row["points_from_teacher"])
        except (TypeError, ValueError) as error:
            raise InputError(f"{path} has a figure that is none: {error}; {rebuild(path)}") from error
    losses = []
    for label, points in by_class.items():
        worst = min(points, key=points.__getitem__)
        row = " / ".join(name for name in worst if name)
        losses.append(Loss(label, statistics.fmean(points.values()), row, points[worst]))
    return sorted(losses, key=lambda loss: loss.points)
