"""Tables in Markdown, as GitHub renders them."""

import re
from collections.abc import Iterable, Sequence


def escaped(text: str) -> str:
    """Text of which no character is taken for a mark: underscores, asterisks, dollars and others."""
    return re.sub(r"([\\`*_$|<>\[\]#~])", r"\\\1", text)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], texts: int) -> str:
    """A table of cells that are Markdown already, with a newline at the end.

    Args:
        texts: how many columns, from the left, are text; the rest are numbers, aligned to the right.
    """
    rule = ["---" if place < texts else "--:" for place in range(len(header))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (header, rule, *rows))
