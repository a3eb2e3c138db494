"""The candidates of a search as points: what they cost and what they are worth."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from dfnas.pictures.candidates import pareto_front
from dfnas.pictures.figures import BLACK, ORANGE, VERMILION, decorate, legend_below
from dfnas.spaces.candidate import Candidate


def draw_candidates(axes: Axes, candidates: Sequence[Candidate], chosen: Mapping[str, str]) -> None:
    """Accuracy, or the score of networks ranked by training-free scores, against MACs, coloured by generation,
    with the Pareto front and the chosen architecture."""
    shown = [candidate for candidate in candidates if math.isfinite(_worth(candidate))]
    ordered = sorted(shown or candidates, key=lambda candidate: candidate.generation)
    macs, accuracies = [c.macs_m for c in ordered], [_worth(c) for c in ordered]
    colours = [c.generation for c in ordered]
    points = axes.scatter(macs, accuracies, s=18, c=colours, cmap="cividis", label="candidate", linewidths=0, zorder=2)
    if colours[0] != colours[-1]:
        bar = axes.figure.colorbar(points, ax=axes, label="generation", pad=0.02)
        bar.set_ticks([colours[0], colours[-1]])
    front = pareto_front([(cost, -worth) for cost, worth in zip(macs, accuracies, strict=True)])
    line: dict[str, Any] = {"color": VERMILION, "linewidth": 1.2, "markersize": 4, "drawstyle": "steps-post"}
    axes.plot([macs[i] for i in front], [accuracies[i] for i in front], "s-", label="Pareto front", zorder=3, **line)
    for place in [i for i, candidate in enumerate(ordered) if candidate.architecture == dict(chosen)][:1]:
        star: dict[str, Any] = {"s": 170, "color": ORANGE, "edgecolors": BLACK, "zorder": 4}
        axes.scatter(macs[place], accuracies[place], marker="*", label="chosen", **star)
    axes.margins(0.06)
    judged = ordered[0].proxy_score is None
    decorate(
        axes,
        "Judged candidates",
        "million multiply-accumulates",
        "held-out top-1 accuracy, %" if judged else "score by ranks",
    )
    legend_below(axes, columns=3)


def _worth(candidate: Candidate) -> float:
    """The score of one that was ranked by training-free scores, else accuracy in percent."""
    if candidate.proxy_score is not None:
        return candidate.proxy_score
    assert candidate.top1_error is not None, "it was judged by neither"
    return 100 * (1 - candidate.top1_error)
