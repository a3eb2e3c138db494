"""Plots of what supernets say of architectures against the accuracy that these have."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from dfnas.measure.rank_correlation import Ranked, kendall_tau
from dfnas.pictures.figures import blank, decorate, legend_below, png
from dfnas.pictures.palette import data_colours, shapes

TITLES = {
    "held_out_accuracy": "accuracy,\nthe search's own held-out images",
    "held_out_likelihood": "log-likelihood, nats,\nthe same images",
    "original_accuracy": "accuracy,\noriginal images, which only judge",
}
"""What each of SCORES is."""


def rankings_png(rankings: Mapping[str, Sequence[Ranked]]) -> bytes:
    """A column of panels for each searched data set, a row for each kind of score, a shape for each seed, as PNG.

    Args:
        rankings: the supernets of each data set.
    """
    figure = blank(4 * len(rankings), 12.5, layout="constrained")
    panels = figure.subplots(len(TITLES), len(rankings), squeeze=False)
    colours = data_colours(rankings)
    for row, (score, title) in zip(panels, TITLES.items(), strict=True):
        for axes, (data, supernets) in zip(row, rankings.items(), strict=True):
            _draw(axes, supernets, score, colours[data])
            decorate(axes, f"searched on {data}", "true accuracy, %", "")
            legend_below(axes)
        row[0].set_ylabel(f"in the supernet: {title}")
    return png(figure)


def _draw(axes: Axes, supernets: Sequence[Ranked], score: str, colour: str) -> None:
    forms = shapes(ranked.seed for ranked in supernets)
    for ranked in supernets:
        tau = kendall_tau(ranked.scores[score], ranked.true_accuracy)
        axes.plot(
            ranked.true_accuracy,
            ranked.scores[score],
            forms[ranked.seed],
            color=colour,
            alpha=0.5,
            markersize=4,
            markeredgewidth=0,
            label=f"seed {ranked.seed}: τ = {tau:.2f}",
        )
