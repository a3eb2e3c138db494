"""The candidates of a search as points: what they cost and what they are worth."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from dfnas.pictures.candidates import pareto_front
from dfnas.pictures.figures import BLACK, ORANGE, VERMILION, decorate, legend_below
from dfnas.spaces.candidate import Candidate


def draw_candidates(axes: Axes, candidates: Sequence[Candidate], chosen: Mapping[str, str]) -> None:
    """Accuracy against MACs, coloured by generation, with the Pareto front and the chosen architecture."""
    ordered = sorted(candidates, key=lambda candidate: candidate.generation)
    macs, accuracies = [c.macs_m for c in ordered], [100 * (1 - c.top1_error) for c in ordered]
    colours = [c.generation for c in ordered]
    points = axes.scatter(macs, accuracies, s=18, c=colours, cmap="cividis", label="candidate", linewidths=0, zorder=2)
    if colours[0] != colours[-1]:
        bar = axes.figure.colorbar(points, ax=axes, label="generation", pad=0.02)
        bar.set_ticks([colours[0], colours[-1]])
    front = pareto_front([(c.macs_m, c.top1_error) for c in ordered])
    line: dict[str, Any] = {"color": VERMILION, "linewidth": 1.2, "markersize": 4, "drawstyle": "steps-post"}
    axes.plot([macs[i] for i in front], [accuracies[i] for i in front], "s-", label="Pareto front", zorder=3, **line)
    for place in [i for i, candidate in enumerate(ordered) if candidate.architecture == dict(chosen)][:1]:
        star: dict[str, Any] = {"s": 170, "color": ORANGE, "edgecolors": BLACK, "zorder": 4}
        axes.scatter(macs[place], accuracies[place], marker="*", label="chosen", **star)
    axes.margins(0.06)
    decorate(axes, "Judged candidates", "million multiply-accumulates", "held-out top-1 accuracy, %")
    legend_below(axes, columns=3)
