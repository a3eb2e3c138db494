"""True accuracies that were looked up, to be read: a page of HTML."""

from collections.abc import Mapping, Sequence

from dfnas.tables import html

TEXTS = {"algorithm": "algorithm", "search_data": "searched on"}
NUMBERS = {
    "seeds": "seeds",
    "draws": "draws",
    "accuracy_mean": "true accuracy, %",
    "accuracy_std": "± %",
    "accuracy_min": "worst, %",
    "rank_mean": "rank",
    "percentile_mean": "percentile",
    "collapsed": "collapsed",
    "learns_nothing": "learn nothing",
    "tau_held_out": "τ, held out",
    "tau_held_out_likelihood": "τ, likelihood",
    "tau_original": "τ, original",
}


def page(rows: Sequence[Mapping[str, object]]) -> str:
    """The table as a page.

    Args:
        rows: of `lookup.csv`; what is missing or empty is shown as a dash.
    """
    header = [*TEXTS.values(), *NUMBERS.values()]
    cells = ([_shown(row.get(name, "")) for name in (*TEXTS, *NUMBERS)] for row in rows)
    return html.page(
        "True accuracies of what was found",
        html.paragraph(
            "What the benchmark's table has for the architectures that each algorithm found: means over the seeds, of "
            "the accuracy with its standard deviation and the worst seed, and the rank among all architectures; how "
            "many seeds collapsed into skip connections, and how many found a cell that can learn nothing. Random rows "
            "are the expected best of that many draws; optimum is the best of all. Click on a heading to sort."
        ),
        html.table(header, cells, len(TEXTS)),
        html.paragraph(
            "τ is Kendall's rank correlation of a SPOS supernet's scores with true accuracies: by its accuracy on "
            "images that the search holds out, by the likelihood of their labels, and by its accuracy on original "
            "images, which only judge."
        ),
    )


def _shown(value: object) -> str:
    return "–" if value in ("", None) else html.escaped(value)
