"""Plots of the quality reports over the generations."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from dfnas.artifacts.quality import QualityReport
from dfnas.measure.choice import evenly
from dfnas.pictures.figures import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION, blank, padded, png

MOST_TICKS = 10


class Line(NamedTuple):
    """One quantity over the generations."""

    name: str
    colour: str
    value: Callable[[QualityReport], float | None]


class Panel(NamedTuple):
    """Quantities of one unit."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    limits: tuple[float | None, float | None]
    """Of the vertical axis; None leaves an end to the values."""


def _at(*keys: str) -> Callable[[QualityReport], float | None]:
    """The value at a place in a report; None where the report has none."""

    def value(report: QualityReport) -> float | None:
        inner: Any = report
        for key in keys:
            inner = None if inner is None else getattr(inner, key)
        return inner

    return value


def _labels_and_targets(figure: str) -> tuple[Line, ...]:
    return (
        Line("labels of the images", GREEN, _at("labels", figure)),
        Line("targets aimed at", PURPLE, _at("targets", figure)),
    )


PANELS = (
    Panel(
        "Agreement with the target class",
        "share of the images",
        (
            Line("teacher", BLUE, _at("teacher_agreement")),
            Line("teacher, soft", ORANGE, _at("target_probability")),
            Line("verifier", VERMILION, _at("verifier_agreement")),
        ),
        (0, 1.02),
    ),
    Panel("Entropy of a soft label", "mean, nats", _labels_and_targets("entropy_nats"), (0, None)),
    Panel("Mass of the five likeliest classes", "mean probability", _labels_and_targets("top5_mass"), (None, None)),
    Panel(
        "Soft labels and class similarity",
        "Pearson correlation",
        (Line("labels × final layer", BLUE, _at("class_similarity", "correlation")),),
        (-1.02, 1.02),
    ),
    Panel(
        "Cosine distance of features",
        "mean over pairs of images",
        (
            Line("all images", BLACK, _at("diversity", "cosine_distance", "overall")),
            Line("within a class", ORANGE, _at("diversity", "cosine_distance", "within_class")),
        ),
        (0, None),
    ),
    Panel(
        "Vendi score, all images",
        "effective number of images",
        (Line("all images", BLACK, _at("diversity", "vendi_score", "overall")),),
        (1, None),
    ),
    Panel(
        "Vendi score within a class",
        "effective number of images",
        (Line("within a class", ORANGE, _at("diversity", "vendi_score", "within_class")),),
        (1, None),
    ),
    Panel(
        "Distance from BatchNorm statistics",
        "relative to the layer's scale",
        (
            Line("means", BLUE, _at("batch_norm", "mean")),
            Line("variances", VERMILION, _at("batch_norm", "variance")),
        ),
        (0, None),
    ),
)


def generations_png(reports: Sequence[QualityReport]) -> bytes:
    """A panel for each kind of figure, the generations on every horizontal axis, as PNG.

    Args:
        reports: as `assess_images` writes them, in order.
    """
    figure = blank(17, 8.5, layout=padded())
    for axes, panel in zip(figure.subplots(2, 4).flat, PANELS, strict=True):
        _draw(axes, panel, reports)
    return png(figure)


def _draw(axes: Axes, panel: Panel, reports: Sequence[QualityReport]) -> None:
    """What no report has is left out; a panel without anything says so."""
    for line in panel.lines:
        points = [(report.generation, line.value(report)) for report in reports]
        points = [point for point in points if point[1] is not None]
        if points:
            axes.plot(*zip(*points, strict=True), "o-", color=line.colour, label=line.name, markersize=4, clip_on=False)
    axes.margins(y=0.1)
    axes.set_title(panel.title, fontsize=11, loc="left")
    axes.set_xlabel("generation")
    axes.set_ylabel(panel.unit)
    axes.set_xlim(reports[0].generation - 0.25, reports[-1].generation + 0.25)
    axes.set_ylim(*panel.limits)
    axes.set_xticks([reports[place].generation for place in evenly(len(reports), MOST_TICKS)])
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if len(panel.lines) > 1 and axes.lines:
        # Below, where it cannot hide a line.
        axes.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3)
    if not axes.lines:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "not available", transform=axes.transAxes, ha="center", color="0.5")
