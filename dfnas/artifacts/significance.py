"""significance.csv: what algorithms find on other data against what they find on original images."""

from typing import Annotated

from pydantic import PlainSerializer

from dfnas.artifacts.lines import Line, decimals


def points_text(points: float, digits: int) -> str:
    """Points with so many digits after the point, or more where it takes them to tell the number from 0."""
    return f"{points:.1g}" if 0 < abs(points) < 0.5 * 10**-digits else f"{points:.{digits}f}"


_POINTS = PlainSerializer(lambda value: None if value is None else points_text(value, 3))
Points = Annotated[float, _POINTS]
PointsOrNone = Annotated[float | None, _POINTS]


class SignificanceRow(Line):
    """Of an algorithm, some data and a retrain data. Errors in percent, differences in points; no interval where one
    seed cannot say."""

    algorithm: str
    search_data: str
    retrain_data: str
    seeds: int
    original_seeds: int
    test_images: int
    top1_error_mean: Points
    original_top1_error_mean: Points
    difference_points: Points
    interval_low: PointsOrNone = None
    interval_high: PointsOrNone = None
    p_value: Annotated[float | None, decimals(4)] = None
    verdict: str
