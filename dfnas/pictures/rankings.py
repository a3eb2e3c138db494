"""Plots of what supernets say of architectures against the accuracy that these have."""

from collections.abc import Mapping, Sequence
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dfnas.measure.rank_correlation import Ranked, kendall_tau
from dfnas.pictures.generations import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION

COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, BLACK)
"""Of the seeds, in turn."""
TITLES = {
    "held_out_accuracy": "the search's own held-out images",
    "original_accuracy": "original images, which only judge",
}


def rankings_png(rankings: Mapping[str, Sequence[Ranked]]) -> bytes:
    """A column of panels for each searched data set, a row for each kind of score, a colour for each seed, as PNG.

    Args:
        rankings: the supernets of each data set.
    """
    figure = Figure(figsize=(4 * len(rankings), 8.5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)  # draws without a display, and leaves pyplot's global state alone
    panels = figure.subplots(len(TITLES), len(rankings), squeeze=False)
    for row, (score, title) in zip(panels, TITLES.items(), strict=True):
        for axes, (data, supernets) in zip(row, rankings.items(), strict=True):
            _draw(axes, supernets, score)
            axes.set_title(f"searched on {data}", fontsize=11, loc="left")
        row[0].set_ylabel(f"accuracy in the supernet,\n{title}")
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _draw(axes: Axes, supernets: Sequence[Ranked], score: str) -> None:
    for place, ranked in enumerate(supernets):
        tau = kendall_tau(ranked.scores[score], ranked.true_accuracy)
        axes.plot(
            ranked.true_accuracy,
            ranked.scores[score],
            ".",
            color=COLOURS[place % len(COLOURS)],
            alpha=0.6,
            markersize=4,
            label=f"seed {ranked.seed}: τ = {tau:.2f}",
        )
    axes.set_xlabel("true accuracy, %")
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    # Below, where it cannot hide a point.
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)
