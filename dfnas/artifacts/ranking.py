"""ranking.csv: what the supernet of a search says of random architectures."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import PlainSerializer

from dfnas.artifacts.lines import Line
from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.measure.rank_correlation import SCORES, Ranked
from dfnas.runtime.errors import InputError, rebuild

Score = Annotated[float, PlainSerializer(lambda value: f"{value:.6g}")]


class RankedArchitecture(Line):
    """An architecture with its scores, see `dfnas.measure.rank_correlation`."""

    search_data: str
    seed: int
    """Of the search."""
    architecture: str
    """As the table of true accuracies writes it."""
    held_out_accuracy: Score
    held_out_likelihood: Score
    original_accuracy: Score
    with_ranks: Score | None = None
    """What the search's ranks come to, by what it judges by and training-free scores; empty where it has none."""


def read_rankings(paths: Iterable[Path], table: AccuracyTable) -> dict[str, list[Ranked]]:
    """The supernets' scores beside the true accuracies, by the data that was searched on, each in the order of the
    files. Architectures that the table does not have are left out.

    Raises:
        InputError: see `Line.read`; or a ranking is empty, or has fewer than two architectures of the table.
    """
    rankings: dict[str, list[Ranked]] = {}
    for path in paths:
        lines = RankedArchitecture.read(path)
        if not lines:
            raise InputError(f"{path} is not a ranking of architectures; {rebuild(path)}")
        lines = [line for line in lines if line.architecture in table.accuracies]
        if len(lines) < 2:
            raise InputError(
                f"{path}: the table of accuracies has fewer than two of its architectures; give it another"
            )
        scores = {score: [getattr(line, score) for line in lines] for score in SCORES}
        accuracies = [table.standing(line.architecture).accuracy for line in lines]
        rankings.setdefault(lines[0].search_data, []).append(Ranked(lines[0].seed, scores, accuracies))
    return rankings
