"""Results under budgets, to be read: a page of HTML."""

from collections.abc import Mapping, Sequence

from dfnas.tables import html

TEXTS = {"column": "judged by", "budget": "budget", "found_by": "by", "algorithm": "", "search_data": "on"}
NUMBERS = {
    "accuracy_mean": "true accuracy, %",
    "regret_mean": "regret, points",
    "regret_low": "from",
    "regret_high": "to",
    "regret_worst": "worst",
    "macs_m_mean": "M MACs",
    "runs": "runs",
    "syntheses": "syntheses",
    "collapsed": "collapsed",
}
PAIRED_TEXTS = {
    "column": "judged by",
    "budget": "budget",
    "algorithm": "search",
    "search_data": "on",
    "against": "against",
}
PAIRED_NUMBERS = {
    "difference": "better by, points",
    "low": "from",
    "high": "to",
    "runs": "runs",
    "syntheses": "syntheses",
}


def page(rows: Sequence[Mapping[str, str]], paired: Sequence[Mapping[str, str]]) -> str:
    """The tables as a page.

    Args:
        rows: of `budgets.csv`.
        paired: of `budgets_paired.csv`.
    """
    return html.page(
        "Results under budgets",
        html.paragraph(
            "What the table of true accuracies has for what was found within each budget. Regret is the best accuracy "
            "within the budget minus that of the find, in points. Yardsticks need no search: the best, the largest, "
            "and random draws near the budget (85 to 100 % of the limit; without a limit, of the dearest) and anywhere "
            "within. A proxy's find is the best by it of its candidates. Intervals are of 95 %: over independent "
            "syntheses of the data where there are two or more, else over seeds, which say nothing of another "
            "synthesis. Click on a heading to sort."
        ),
        _table(TEXTS, NUMBERS, rows),
        "<h2>Searches against what stands still</h2>",
        html.paragraph(
            "Accuracy of each search minus that of something else in the same budget, run by run, in points. An "
            "interval that has 0 in it says that neither is better as far as is known."
        ),
        _table(PAIRED_TEXTS, PAIRED_NUMBERS, paired),
    )


def _table(texts: Mapping[str, str], numbers: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> str:
    cells = ([html.escaped(row[name]) if row[name] else "–" for name in (*texts, *numbers)] for row in rows)
    return html.table([*texts.values(), *numbers.values()], cells, len(texts))
