"""history.csv: the course of a training, a search or an inversion, a line for each epoch or other period.

Its columns are those of the work that it tells of.
"""

from collections.abc import Iterable
from pathlib import Path

from dfnas.runtime.files import read_csv, write_csv
from dfnas.runtime.resumable import Row


def write_history(path: Path, history: Iterable[Row]) -> None:
    """Writes one line per row; the columns are those of all rows, in the order of their first appearance. Numbers
    keep six significant digits."""
    rows = [{name: f"{v:.6g}" if isinstance(v, float) else v for name, v in row.items()} for row in history]
    write_csv(path, dict.fromkeys(name for row in rows for name in row), rows)


def read_history(path: Path) -> list[Row]:
    """Reads what `write_history` wrote: numbers as such, without what a row leaves empty. Raises InputError if there
    is no such file."""
    return [{name: _number(text) for name, text in row.items() if text} for row in read_csv(path)]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
