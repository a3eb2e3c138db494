"""Table 1 to be read, from its rows: errors with their spread over the seeds, the best of each retrain data in bold;
and the times beside it."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from dfnas.tables import html, latex, markdown

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
SCALED = "ece_scaled_mean"
NUMBERS = {
    "top5_error_mean": ("top-5 error, %", 2),
    "ece_mean": ("ECE, %", 2),
    SCALED: ("ECE scaled, %", 2),
    "teacher_agreement_mean": ("teacher agreement, %", 2),
    "params_m": ("parameters, M", 3),
    "macs_m": ("MACs, M", 2),
}
"""Heading and decimals of a column."""
UNKNOWN = ("top5_error_mean", "ece_mean", SCALED)
"""May be empty: what only labels of original images tell, and what needs a temperature."""
TIMES = {
    "search_hours": ("search, hours", 4),
    "retrain_hours": ("retraining, hours", 4),
    "search_kwh": ("search, kWh", 4),
    "retrain_kwh": ("retraining, kWh", 4),
}
"""The same of `table1_times.csv`."""
PASSES = {"ms": ("ms", 3), "iqr_ms": ("interquartile range, ms", 3), "peak_mb": ("MB", 2)}
"""The same of a forward pass, `{device}_batch_{images}_…` there."""
TIMES_COLUMNS = (*(name for name in TEXTS if name != "seeds"), *TIMES)
HEADER = (*TEXTS.values(), "top-1 error, %", *(heading for heading, _ in NUMBERS.values()))


WITHOUT = (
    "Here there are no original images: errors are not known, and teacher agreement is that on images which were made "
    "like those that the network learnt from, and held out."
)


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
HTML = Notation(html.table, html.escaped, "–", "{} ± {}", "<b>{}</b>")
LATEX = Notation(latex.table, latex.escaped, "--", r"{} $\pm$ {}", r"\textbf{{{}}}")


def typeset(rows: Sequence[Row], notation: Notation) -> str:
    """The table in a notation.

    Raises:
        ValueError: what should be a number is none.
    """
    lowest = _lowest(rows)
    cells = [_cells(row, notation, lowest.get(row["retrain_data"]) == _shown(row)) for row in rows]
    names = len(TEXTS) - 1  # beside the number of seeds
    return notation.table([notation.escaped(heading) for heading in HEADER], cells, names)


def page(rows: Sequence[Row]) -> str:
    """The table as a page of HTML. Raises ValueError, see `typeset`."""
    return html.page(
        "Table 1: errors and sizes of what was found",
        html.paragraph(
            "Means over the seeds, of the error with its standard deviation, on the original test images. Each "
            "architecture was found by the algorithm on the data that it was searched on, and trained anew on the data "
            "that it was retrained on. In bold the lowest error of all that were retrained on the same data. Click on "
            "a heading to sort."
        ),
        html.paragraph(WITHOUT) if not any(row[ERROR] for row in rows) else "",
        typeset(rows, HTML),
        html.paragraph(
            "ECE is the expected calibration error, before and after temperature scaling on held-out images, which "
            "a teacher that was imported may have been trained on: it has no second one. Teacher "
            "agreement is the share of test images on which network and teacher name the same class. MACs are "
            "multiply-accumulates of one image."
        ),
    )


def times_page(rows: Sequence[Row]) -> str:
    """`table1_times.csv` as a page of HTML. Raises ValueError, see `typeset`."""
    names = [name for name in TIMES_COLUMNS if name in TEXTS]
    measured = _measured(rows)
    header = [*(TEXTS[name] for name in names), *(heading for heading, _ in measured.values())]
    cells = [
        [html.escaped(row[name]) or HTML.nothing for name in names]
        + [
            f"{float(row[name]):.{digits}f}" if row.get(name) else HTML.nothing
            for name, (_, digits) in measured.items()
        ]
        for row in rows
    ]
    return html.page(
        "Table 2: what it took",
        html.paragraph(
            "Hours of one search and of one retraining, and energy where the machine tells it: means over the seeds, "
            "on the device that ran them, beside whatever else ran there. Of the trained network a forward pass of so "
            "many images: median time, its spread, and memory beside the weights. These depend on the machine and "
            "differ from run to run. A draw without a search takes no time. Click on a heading to sort."
        ),
        html.table(header, cells, len(names)),
    )


def _rounded(number: str | None, digits: int) -> str:
    return f"{float(number):.{digits}f}" if number else HTML.nothing


def _measured(rows: Sequence[Row]) -> dict[str, tuple[str, int]]:
    """Heading and decimals of the columns of numbers that some row has something in."""
    found = dict(TIMES)
    for name in dict.fromkeys(name for row in rows for name in row):
        place = re.fullmatch(r"(cpu|gpu)_batch_(\d+)_(\w+)", name)
        if place and place[3] in PASSES:
            heading, digits = PASSES[place[3]]
            found[name] = (f"{place[1].upper()}, batch {place[2]}: {heading}", digits)
    return {name: shown for name, shown in found.items() if any(row.get(name) for row in rows)}


def _lowest(rows: Sequence[Row]) -> dict[str, str]:
    """The lowest error, as it is shown, of the networks that were retrained on the same data. Equal ones share it."""
    lowest: dict[str, str] = {}
    for row in rows:
        data = row["retrain_data"]
        if data and row[ERROR] and (data not in lowest or float(_shown(row)) < float(lowest[data])):
            lowest[data] = _shown(row)
    return lowest


def _shown(row: Row) -> str:
    return f"{float(row[ERROR]):.2f}" if row[ERROR] else ""


def _cells(row: Row, notation: Notation, best: bool) -> list[str]:
    names = [notation.escaped(row[name]) or notation.nothing for name in TEXTS]
    error = notation.best.format(_shown(row)) if best else _shown(row) or notation.nothing
    if row[SPREAD]:
        error = notation.error.format(error, f"{float(row[SPREAD]):.2f}")
    numbers = (
        f"{float(row[name]):.{decimals}f}" if row[name] or name not in UNKNOWN else notation.nothing
        for name, (_, decimals) in NUMBERS.items()
    )
    return [*names, error, *numbers]
