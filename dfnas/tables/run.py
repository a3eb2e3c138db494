"""What a run was and what came of it, in words: reStructuredText for the front page of the report."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dfnas.measure.agreement import nearer_to_chance
from dfnas.settings.sources import NO_DATA, ORIGINAL

Row = Mapping[str, str]
FEW = (
    ". That is nearer to guessing than to all of them, unless they are noise: give invert\\_teacher more steps or a "
    "higher lr, and check the teacher's mean, std and size"
)


class SyntheticData(NamedTuple):
    """A synthetic data set."""

    name: str
    generations: int
    images: int
    """Of a generation."""
    agreement: float
    """Share of the images of the last generation in which the teacher sees the class that they were made for."""
    verified: float | None
    """The same of a second network, where there is one."""


class TeacherFacts(NamedTuple):
    """The classifier that all began with."""

    builder: str
    input: tuple[int, ...]
    """Channels, height, width."""
    classes: int
    weights: str | None
    """The checkpoint; None for a stand-in that was trained here."""


def escaped(text: str) -> str:
    """Text of which no character is taken for a mark."""
    return re.sub(r"([\\*`_|<>\[\]])", r"\\\1", text)


def teacher_story(teacher: TeacherFacts, figures: Row | None) -> str:
    """What the teacher is.

    Args:
        figures: its row of Table 1, where there is one.
    """
    size = " × ".join(map(str, teacher.input))
    origin = f"imported from {escaped(teacher.weights)}" if teacher.weights else "a stand-in trained on original images"
    story = f"{escaped(teacher.builder)}, {origin}: images of {size} to {teacher.classes} classes"
    if figures and figures["top1_error_mean"]:
        story += (
            f", {float(figures['top1_error_mean']):.2f} % top-1 error on the original test images, {_size(figures)}"
        )
    return _entry("Teacher", f"{story}.")


def data_story(data: Sequence[SyntheticData], classes: int) -> str:
    """What was synthesised, and whether the teacher sees enough in it."""
    stories = [
        f"{escaped(one.name)}: {one.generations * one.images:,} images in {_counted(one.generations, 'generation')} "
        "made from the teacher alone, which sees the class that they were made for in "
        f"{100 * one.agreement:.1f} % of the last generation"
        + ("" if one.verified is None else f"; a second network in {100 * one.verified:.1f} %")
        + (FEW if nearer_to_chance(one.agreement, classes) else "")
        for one in data
    ]
    return _entry("Synthetic images", *(f"{story}." for story in stories or ["none"]))


def comparison_story(comparison: Mapping[str, Any], searches: Sequence[str], tested: bool = True) -> str:
    """What was compared.

    Args:
        comparison: `search_data`, `retrain_data` and `seeds` of that section of the configuration.
        searches: algorithm/data of every row.
        tested: whether there are original images to test by.
    """
    rows = [search.split("/") for search in searches]
    on_data = list(dict.fromkeys(algorithm for algorithm, data in rows if data != NO_DATA))
    drawn = list(dict.fromkeys(algorithm for algorithm, data in rows if data == NO_DATA))
    stories = []
    if on_data:
        stories.append(f"{_listed(on_data)} searched on {_listed(comparison['search_data'])} images")
    if drawn:
        stories.append(f"{_listed(drawn)} drew without looking at any")
    seeds = comparison["seeds"]
    stories.append(f"each with {'the seeds' if len(seeds) > 1 else 'seed'} {_listed(map(str, seeds))}")
    if comparison["retrain_data"]:
        data = _listed(comparison["retrain_data"])
        by = "tested on original ones" if tested else "compared with the teacher on others that were held out"
        stories.append(f"what they found was trained anew on {data} images and {by}")
    return _entry("Comparison", f"{'; '.join(stories)}.")


def significance_story(rows: Iterable[Row]) -> str:
    """Whether searching on other data than the original is as good, by `significance.csv`."""
    stories = []
    for row in rows:
        than = f"{row['verdict']} than" if row["verdict"] in ("worse", "better") else "not to be told from"
        found = f"{float(row['difference_points']):+.2f} points of error"
        if row["interval_low"]:
            found += f", 95 % interval {float(row['interval_low']):+.2f} to {float(row['interval_high']):+.2f}"
        else:
            found += ", with too few seeds for an interval"
        where = f" (retrained on {escaped(row['retrain_data'])})" if row["retrain_data"] != ORIGINAL else ""
        algorithm, data = escaped(row["algorithm"]), escaped(row["search_data"])
        stories.append(f"{algorithm} on {data} images is {than} {algorithm} on original ones{where}: {found}")
    return _entry("Data against data", *(f"{story}." for story in stories))


def lookup_story(rows: Sequence[Row]) -> str:
    """The best row of `lookup.csv`, beside the best of all architectures."""
    found = [row for row in rows if row["seeds"]]
    best = max(found, key=lambda row: float(row["accuracy_mean"]))
    optimum = next(row for row in rows if row["algorithm"] == "optimum")
    data = "" if best["search_data"] == NO_DATA else f" on {escaped(best['search_data'])} images"
    which = "the best architectures: true" if len(found) > 1 else "architectures of true"
    story = f"{escaped(best['algorithm'])}{data} found {which} accuracy "
    story += f"{float(best['accuracy_mean']):.2f} % and rank {float(best['rank_mean']):.0f}, means over the seeds"
    story += f"; the best of all has {float(optimum['accuracy_mean']):.2f} %"
    return _entry("True accuracies", f"{story}.")


def _entry(term: str, *paragraphs: str) -> str:
    """An entry of a definition list."""
    text = "\n\n    ".join(paragraphs)
    return f"{term}\n    {text}\n"


def _size(row: Row) -> str:
    return f"{float(row['params_m']):.3g} M parameters and {float(row['macs_m']):.3g} M multiply-accumulates"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _listed(names: Iterable[str]) -> str:
    *most, last = map(escaped, names)
    return f"{', '.join(most)} and {last}" if most else last
