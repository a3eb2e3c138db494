"""What searching on other data than the original costs, in words: a sentence and a row for each comparison."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dfnas.artifacts.significance import SignificanceRow, points_text
from dfnas.measure.bootstrap import LEVEL, Difference
from dfnas.tables import html
from dfnas.tables.markdown import escaped, table

TITLE = "Is it as good to search on other data?"
EXPLAINED = """\
Errors are top-1, on the original test images. Points and intervals are the error after a search on the named data minus
that after a search on original images. Intervals and p come from {draws} draws of a paired bootstrap over test images
and of what so few seeds may vary by, and stand for one comparison each: of twenty that are none, one may look
significant. A wide interval says that nothing can be told by so few; with one seed on a side there is none."""
HEADER = ("algorithm", "searched on", "retrained on", "error, %", "from original, %", "points", "95 % interval", "p")


class Comparison(NamedTuple):
    """Networks that an algorithm found on some data, against those that it found on original images."""

    algorithm: str
    search_data: str
    retrain_data: str
    """Of both."""
    seeds: tuple[int, int]
    """How many networks, and how many from original images."""
    test_images: int
    errors: tuple[float, float]
    """Mean top-1 errors, of the same two, as shares."""
    difference: Difference
    """Of the two errors: above 0 where the search on original images did better."""

    @property
    def verdict(self) -> str:
        return verdict_of(self.difference)


def row_of(comparison: Comparison) -> SignificanceRow:
    """A line of the table: errors in percent, differences in points."""
    error, original = (100 * share for share in comparison.errors)
    found = comparison.difference
    low, high = (None if share is None else 100 * share for share in (found.low, found.high))
    return SignificanceRow(
        algorithm=comparison.algorithm,
        search_data=comparison.search_data,
        retrain_data=comparison.retrain_data,
        seeds=comparison.seeds[0],
        original_seeds=comparison.seeds[1],
        test_images=comparison.test_images,
        top1_error_mean=error,
        original_top1_error_mean=original,
        difference_points=100 * found.estimate,
        interval_low=low,
        interval_high=high,
        p_value=floored(found.p_value),
        verdict=comparison.verdict,
    )


def sentence(comparison: Comparison, escaped: Callable[[str], str] = escaped) -> str:
    """The verdict in words, in Markdown or in what else `escaped` makes of names."""
    data = escaped(comparison.search_data)
    return judged(
        comparison.difference,
        f"searching on {data} images is {{points}} points {{verdict}} {{interval}}",
        f"no difference can be seen between searching on {data} and on original images: {{points}} points {{interval}}",
        f"whether searching on {data} images is as good as on original ones cannot be told: {{points}} points",
        comparison.seeds,
        comparison.test_images,
    )


def judged(found: Difference, seen: str, unseen: str, untold: str, seeds: tuple[int, int], test_images: int) -> str:
    """A difference of errors in words.

    Args:
        seen: what to say of one that is significant, with `{points}`, `{verdict}` (worse or better) and `{interval}`.
        unseen: of another, with `{points}` and `{interval}`.
        untold: of one that has no interval, with `{points}`.
        seeds: how many networks each side has.
    """
    sample, verdict = _sample(seeds, test_images), verdict_of(found)
    if found.low is None or found.high is None:
        why = "; what another seed would give, one seed cannot say" if min(seeds) == 1 else ""
        return f"{untold.format(points=f'{100 * found.estimate:+.2f}')}, with {sample}{why}"
    points, interval = found.estimate, _interval(found.low, found.high)
    if verdict == "better":
        points, interval = -points, _interval(-found.high, -found.low)
    if found.significant:
        words = seen.format(points=f"{100 * points:.2f}", verdict=verdict, interval=interval)
        words += f", significant at {100 * LEVEL:g} %"
    else:
        words = unseen.format(points=f"{100 * points:+.2f}", interval=interval)
    return f"{words} (p = {p_text(found)}), with {sample}"


def verdict_of(found: Difference) -> str:
    """`worse` or `better`, of the first group; or that no difference is seen, or that nobody can tell."""
    if found.p_value is None:
        return "cannot tell"
    if not found.significant:
        return "no difference seen"
    return "worse" if found.estimate > 0 else "better"


def floored(p_value: float | None) -> float | None:
    """p with four digits, cut off and not rounded: what is below the level reads so."""
    return None if p_value is None else math.floor(round(p_value * 10_000, 6)) / 10_000


def p_text(found: Difference) -> str:
    """p in words; empty where there is none."""
    return "" if found.p_value is None else f"{floored(found.p_value):.4f}"


def page(comparisons: Sequence[Comparison], draws: int) -> str:
    """All comparisons as a page of Markdown."""
    verdicts = "".join(
        f"- **{escaped(one.algorithm)}**, retrained on {escaped(one.retrain_data)}: {sentence(one)}.\n"
        for one in comparisons
    )
    return f"""# {TITLE}

{verdicts}
{table(HEADER, map(_row, comparisons), 3)}
{EXPLAINED.format(draws=draws)}
"""


def web_page(comparisons: Sequence[Comparison], draws: int) -> str:
    """The same as a page of HTML."""
    verdicts = "\n".join(
        f"<li><b>{html.escaped(one.algorithm)}</b>, retrained on {html.escaped(one.retrain_data)}: "
        f"{sentence(one, html.escaped)}.</li>"
        for one in comparisons
    )
    rows = (_row(one, html.escaped) for one in comparisons)
    explained = html.paragraph(EXPLAINED.format(draws=draws))
    return html.page(TITLE, f"<ul>{verdicts}</ul>", html.table(HEADER, rows, 3), explained)


def _row(comparison: Comparison, escaped: Callable[[str], str] = escaped) -> list[str]:
    names = (comparison.algorithm, comparison.search_data, comparison.retrain_data)
    found = comparison.difference
    interval = "" if found.low is None or found.high is None else _interval(found.low, found.high)
    numbers = [f"{100 * error:.2f}" for error in comparison.errors]
    return [*map(escaped, names), *numbers, f"{100 * found.estimate:+.2f}", interval, p_text(found)]


def _interval(low: float, high: float) -> str:
    """An interval of shares, in points."""
    return f"[{points_text(100 * low, 2)}, {points_text(100 * high, 2)}]"


def _sample(seeds: tuple[int, int], test_images: int) -> str:
    numbers = " and ".join(dict.fromkeys(map(str, seeds)))
    return f"{numbers} {'seed' if numbers == '1' else 'seeds'} and {test_images} images"
