"""A tabular benchmark: the accuracy of every architecture of a space, measured once by others and looked up since.

NAS-Bench-201 (Dong and Yang 2020) trained each of its 15,625 cells by one recipe. The table is a yardstick: it says
what a search was worth, and no search may read it.
"""

import csv
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import existing
from dfnas.settings.lookup import LookupSettings


class Standing(NamedTuple):
    """An accuracy among all of a table. Expectations of several draws are of the same form."""

    accuracy: float
    """In the table's unit, percent for NAS-Bench-201."""
    rank: float
    """1 for the best; architectures with equal accuracy share the best of their ranks."""
    percentile: float
    """Percentage of the architectures that are worse."""


class Spread(NamedTuple):
    """The best of some uniform draws: expectations, and the standard deviation of the accuracy."""

    mean: Standing
    accuracy_std: float


class AccuracyTable:
    """Accuracies by architecture, in the benchmark's notation.

    Args:
        accuracies: of every architecture of the space.
        classes: the isomorphism class of each, where the table has it: architectures of one class compute the same.
    """

    def __init__(self, accuracies: Mapping[str, float], classes: Mapping[str, str] | None = None):
        assert accuracies
        self.accuracies, self.classes = dict(accuracies), dict(classes or {})
        self._rising = sorted(self.accuracies.values())

    @classmethod
    def read(cls, settings: LookupSettings, column: str | None = None) -> Self:
        """The table of a CSV file with a header.

        Args:
            column: with the accuracy, where that is not the main one.

        Raises:
            InputError: no such file, none of text, a column that it has not, an accuracy that is no number, or an
                architecture twice.
        """
        path, column = existing(settings.file()), column or settings.column
        accuracies: dict[str, float] = {}
        classes: dict[str, str] = {}
        for where, row in _rows(path, settings, column):
            architecture = row[settings.architecture_column]
            if architecture in accuracies:
                raise InputError(f"{where}: the architecture {architecture} stands there twice")
            accuracies[architecture] = _number(row[column], where)
            if settings.class_column:
                classes[architecture] = row[settings.class_column]
        if not accuracies:
            raise InputError(f"{path} has a header and no row")
        return cls(accuracies, classes)

    @classmethod
    def read_all(cls, settings: LookupSettings) -> dict[str, Self]:
        """A table for each column with accuracies, the main one first. Raises InputError, see `read`."""
        return {column: cls.read(settings, column) for column in settings.columns}

    def values(self) -> np.ndarray:
        """(N,): the accuracies, in the order of the file."""
        return np.array(list(self.accuracies.values()))

    def __len__(self) -> int:
        return len(self.accuracies)

    def standing(self, architecture: str) -> Standing:
        """Where an architecture stands. Raises InputError if the table does not have it."""
        if architecture not in self.accuracies:
            raise InputError(
                f"the table has no architecture {architecture}; look up in one that has it, or search a space whose "
                "architectures the table has"
            )
        return self._standing(self.accuracies[architecture])

    def best(self) -> tuple[str, Standing]:
        """The architecture with the highest accuracy, the first of equals, and where it stands."""
        architecture = max(self.accuracies, key=self.accuracies.__getitem__)
        return architecture, self.standing(architecture)

    def best_of(self, draws: int) -> Spread:
        """The expected best of some uniform draws with replacement, exactly."""
        chances = chances_of_best(len(self), draws)
        standings = np.array([self._standing(accuracy) for accuracy in self._rising])  # (N, 3)
        mean = chances @ standings
        variance = chances @ (standings[:, 0] - mean[0]) ** 2
        return Spread(Standing(*mean.tolist()), math.sqrt(variance))

    def _standing(self, accuracy: float) -> Standing:
        worse, not_better = bisect_left(self._rising, accuracy), bisect_right(self._rising, accuracy)
        return Standing(accuracy, len(self) - not_better + 1, 100 * worse / len(self))


def chances_of_best(count: int, draws: int) -> np.ndarray:
    """(N,): of N values in rising order the i-th is the best of n uniform draws with replacement with probability
    (i / N)ⁿ - ((i - 1) / N)ⁿ."""
    return np.diff((np.arange(count + 1) / count) ** draws)


def _rows(path: Path, settings: LookupSettings, column: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row of the file is, and its values by column. Raises InputError, see `AccuracyTable.read`."""
    wanted = [column, settings.architecture_column]
    wanted += [settings.class_column] if settings.class_column else []
    with open(path, newline="", encoding="utf-8-sig") as file:  # spreadsheets begin it with a mark
        rows = csv.DictReader(file)
        try:
            for name in wanted:
                if name not in (rows.fieldnames or ()):
                    raise InputError(
                        f"{path} has no column '{name}'; expected one of {', '.join(rows.fieldnames or ())}: set "
                        "lookup.column, further_columns, architecture_column and class_column to what it has"
                    )
            for row in rows:
                yield f"{path}, line {rows.line_num}", row
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path} is no CSV file ({error}); give one as text, uncompressed") from error


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: {text!r} is no accuracy; expected a finite number")
    return number
