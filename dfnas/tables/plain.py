"""Tables as plain text, for a terminal."""

from collections.abc import Iterable, Sequence


def escaped(text: str) -> str:
    """Text as it is: on a terminal no character is a mark."""
    return text


def table(header: Sequence[str], rows: Iterable[Sequence[str]], texts: int) -> str:
    """A table in columns of one width each, with a newline at the end.

    Args:
        texts: how many columns, from the left, are text; the rest are numbers, aligned to the right.
    """
    cells = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for each in [cells[0], ["-" * width for width in widths], *cells[1:]]:
        aligned = [
            cell.ljust(width) if place < texts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(each, widths, strict=True))
        ]
        lines.append("  ".join(aligned).rstrip() + "\n")
    return "".join(lines)
