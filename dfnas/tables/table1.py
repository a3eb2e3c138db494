"""Table 1 to be read, from its rows: errors with their spread over the seeds, the best of each retrain data in bold."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from dfnas.tables import latex, markdown

Row = Mapping[str, str]
"""Of `table1.csv`."""
TEXTS = {
    "algorithm": "algorithm",
    "space": "space",
    "search_data": "searched on",
    "retrain_data": "retrained on",
    "seeds": "seeds",
}
ERROR, SPREAD = "top1_error_mean", "top1_error_std"
NUMBERS = {
    "top5_error_mean": ("top-5 error, %", 2),
    "ece_mean": ("ECE, %", 2),
    "ece_scaled_mean": ("ECE scaled, %", 2),
    "teacher_agreement_mean": ("teacher agreement, %", 2),
    "params_m": ("parameters, M", 3),
    "macs_m": ("MACs, M", 2),
}
"""Heading and decimals of a column."""
COLUMNS = (*TEXTS, ERROR, SPREAD, *NUMBERS)
HEADER = (*TEXTS.values(), "top-1 error, %", *(heading for heading, _ in NUMBERS.values()))


class Notation(NamedTuple):
    """How a language writes what a table is made of."""

    table: Callable[[Sequence[str], Sequence[Sequence[str]], int], str]
    escaped: Callable[[str], str]
    nothing: str
    error: str
    """Of a mean and its spread."""
    best: str
    """Of a mean in bold."""


MARKDOWN = Notation(markdown.table, markdown.escaped, "–", "{} ± {}", "**{}**")
LATEX = Notation(latex.table, latex.escaped, "--", r"{} $\pm$ {}", r"\textbf{{{}}}")


def typeset(rows: Sequence[Row], notation: Notation) -> str:
    """The table in a notation.

    Raises:
        ValueError: what should be a number is none.
    """
    lowest = _lowest(rows)
    cells = [_cells(row, notation, _shown(row) == lowest.get(row["retrain_data"])) for row in rows]
    names = len(TEXTS) - 1  # beside the number of seeds
    return notation.table([notation.escaped(heading) for heading in HEADER], cells, names)


def _lowest(rows: Sequence[Row]) -> dict[str, str]:
    """The lowest error, as it is shown, of the networks that were retrained on the same data. Equal ones share it."""
    lowest: dict[str, str] = {}
    for row in rows:
        data = row["retrain_data"]
        if data and (data not in lowest or float(_shown(row)) < float(lowest[data])):
            lowest[data] = _shown(row)
    return lowest


def _shown(row: Row) -> str:
    return f"{float(row[ERROR]):.2f}"


def _cells(row: Row, notation: Notation, best: bool) -> list[str]:
    names = [notation.escaped(row[name]) or notation.nothing for name in TEXTS]
    error = notation.best.format(_shown(row)) if best else _shown(row)
    if row[SPREAD]:
        error = notation.error.format(error, f"{float(row[SPREAD]):.2f}")
    return [*names, error, *(f"{float(row[name]):.{decimals}f}" for name, (_, decimals) in NUMBERS.items())]
