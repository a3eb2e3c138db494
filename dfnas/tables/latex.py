"""Tables in LaTeX, with the rules of booktabs."""

from collections.abc import Iterable, Sequence

MARKS = str.maketrans(
    {
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


def escaped(text: str) -> str:
    """Text of which no character is taken for a command."""
    return text.translate(MARKS)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], texts: int) -> str:
    """A `tabular` of cells that are LaTeX already, with a newline at the end. For a preamble with booktabs.

    Args:
        texts: how many columns, from the left, are text; the rest are numbers, aligned to the right.
    """

    def lines(cells: Iterable[Sequence[str]]) -> str:
        return "".join(f"  {' & '.join(each)} \\\\\n" for each in cells)

    columns = "l" * texts + "r" * (len(header) - texts)
    return (
        f"% needs \\usepackage{{booktabs}}\n\\begin{{tabular}}{{{columns}}}\n  \\toprule\n{lines([header])}"
        f"  \\midrule\n{lines(rows)}  \\bottomrule\n\\end{{tabular}}\n"
    )
