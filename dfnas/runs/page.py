"""A comparison of two runs to be read: on a terminal, or as Markdown."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from dfnas.runs.comparison import Comparison
from dfnas.runs.rows import Bootstrap, RowDifference
from dfnas.runs.sheets import Change, Differences
from dfnas.tables import markdown, plain
from dfnas.tables.significance import judged

SECTIONS = {
    "settings": ("Settings", "rule", "setting"),
    "contents": ("Contents of the teacher and the data sets (SHA-256)", "of", "array"),
    "architectures": ("Found architectures", "search", "choice"),
    "figures": ("Table 1", "row", "figure"),
    "lookups": ("True accuracies (lookup.csv, budgets.csv)", "row", "figure"),
    "quality": ("Quality of the images", "of", "figure"),
    "machine": ("Packages, code and devices (does not count)", "of", "name"),
    "costs": ("Costs (does not count)", "row", "figure"),
}
"""Of each part: its heading, what its rows are and what its columns are."""
NUMBERS = ("figures", "lookups", "quality", "costs")
"""Parts of which a change has a size."""
CLOCKS = 0.1
"""Share of a cost by which two measurements of the same may differ; the page only counts what is below."""


class Notation(NamedTuple):
    """How a language writes what a page is made of."""

    table: Callable[[Sequence[str], Sequence[Sequence[str]], int], str]
    escaped: Callable[[str], str]
    heading: str
    """Of a section's name."""


PLAIN = Notation(plain.table, plain.escaped, "\n== {} ==\n")
MARKDOWN = Notation(markdown.table, markdown.escaped, "\n## {}\n")


def page(comparison: Comparison, notation: Notation) -> str:
    """The whole page. Parts without a difference are left out."""
    first, second = map(notation.escaped, comparison.names)
    verdict = "Nothing that counts differs" if comparison.equal else "The runs differ"
    pieces = [f"{verdict}: first {first}, second {second}.\n"]
    for name, (heading, *columns) in SECTIONS.items():
        trifle = CLOCKS if name == "costs" else 0.0
        body = list(_part(getattr(comparison, name), columns, name in NUMBERS, trifle, notation))
        if name == "figures":
            body = [*_rows(comparison.rows, notation), *body]
        if body:
            pieces += [notation.heading.format(heading), *(f"\n{piece}" for piece in body)]
    return "".join(pieces)


def _part(part: Differences, columns: Sequence[str], sized: bool, trifle: float, notation: Notation) -> Iterator[str]:
    """What differs in a part: a table, and what one run alone has."""
    changes, trifles = _told(part, trifle) if trifle else (part.changes, [])
    if changes:
        header = [*columns, "first", "second", *(["difference"] if sized else [])]
        rows, before = [], None
        for change in changes:
            values = [_text(value) for value in change.values]
            values += [_difference(*change.values)] if sized else []
            names = ["" if change.key == before else _name(change.key), change.column]
            rows.append([*map(notation.escaped, names), *map(notation.escaped, values)])
            before = change.key
        yield notation.table(header, rows, len(columns) if sized else len(header))
    if trifles:
        alone = sum(None in change.values for change in trifles)
        yield (
            f"Values that differ by less than {100 * trifle:g} %: {len(trifles) - alone}; "
            f"that one run alone has: {alone}.\n"
        )
    for side, keys in zip(("first", "second"), part.only, strict=True):
        if keys:
            yield f"Only in the {side}: {notation.escaped(', '.join(map(_name, keys)))}.\n"
    if (part.changes or any(part.only)) and part.same:
        yield f"The same: {part.same} other{'s' if part.same > 1 else ''}.\n"


def _told(part: Differences, trifle: float) -> tuple[list[Change], list[Change]]:
    """The changes that are worth a line, and the others: numbers that differ by less than a share of the larger, and
    what one side alone has."""
    told: list[Change] = []
    trifles: list[Change] = []
    for change in part.changes:
        first, second = map(_number, change.values)
        if first is not None and second is not None:
            small = abs(second - first) < trifle * max(abs(first), abs(second))
        else:
            small = None in change.values
        (trifles if small else told).append(change)
    return told, trifles


def _rows(rows: Sequence[RowDifference], notation: Notation) -> Iterator[str]:
    """The errors of Table 1 that differ, and what is more than chance."""
    if not rows:
        return
    header = ["row", "first, top-1 error %", "second, %", "points", "beyond the seeds' spread"]
    beyond = {None: "cannot be told", True: "yes", False: "no"}
    cells = [
        [
            notation.escaped(_name(row.key)),
            *(_error(row, side) for side in (0, 1)),
            f"{row.points:+.3f}",
            beyond[row.beyond_seeds],
        ]
        for row in rows
    ]
    yield notation.table(header, cells, 1)
    sentences = [
        f"- {notation.escaped(_name(row.key))}: {_sentence(row.bootstrap)}.\n" for row in rows if row.bootstrap
    ]
    if sentences:
        yield "".join(sentences)


def _error(row: RowDifference, side: int) -> str:
    spread = row.spreads[side]
    return f"{row.errors[side]:.3f}" + (f" ± {spread:.3f}" if spread is not None else "")


def _sentence(found: Bootstrap) -> str:
    return judged(
        found.difference,
        "the second is {points} points {verdict} {interval}",
        "no difference can be seen: {points} points {interval}",
        "whether the second is better cannot be told: {points} points",
        found.seeds,
        found.test_images,
    )


def _name(key: Sequence[str]) -> str:
    return "/".join(part for part in key if part)


def _text(value: Any) -> str:
    """A value as it is written in the configuration; several are joined."""
    if value is None:
        return "–"
    if isinstance(value, dict) and "several" in value:
        return " and ".join(map(_text, value["several"]))
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _difference(first: Any, second: Any) -> str:
    """The second minus the first, where both are numbers."""
    one, other = _number(first), _number(second)
    return "" if one is None or other is None else f"{other - one:+.6g}"


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
