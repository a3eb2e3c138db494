"""proxies/{data}/seed-{n}.csv, as the tables of results read it: what training-free proxies say of candidates that
were drawn uniformly within each of several budgets."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AllowInfNan

from dfnas.artifacts.budgets import budget_of
from dfnas.artifacts.lines import Line
from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.measure.rank_aggregation import with_aggregates
from dfnas.settings.search import BudgetSettings

Score = Annotated[float, AllowInfNan(True)] | None


class ProxyScores(Line):
    """A candidate with its scores, the more the better. They may be infinite; an empty one is not known."""

    max_macs_m: float
    max_params_m: float
    max_latency_ms: float
    architecture: str
    macs_m: float
    params_m: float
    synflow: Score = None
    naswot: Score = None
    jacov: Score = None
    zico: Score = None
    grad_norm: Score = None
    expressivity: Score = None
    progressivity: Score = None
    trainability: Score = None


PROXIES = tuple(name for name in ProxyScores.model_fields if name not in (*BudgetSettings.model_fields, "architecture"))
"""The proxies by name, costs first: more of them is better, too."""


class Candidates(NamedTuple):
    """The candidates of one budget, drawn and scored by one run: columns of equal length."""

    data: str
    seed: int
    budget: BudgetSettings
    lines: Sequence[ProxyScores]
    scores: Mapping[str, Sequence[float]]
    """Of each proxy, and of each aggregate of them."""


def read_candidates(files: Sequence[Path], data: Sequence[str], seeds: Sequence[int]) -> list[Candidates]:
    """All candidates.

    Args:
        files: one of each run.
        data, seeds: of each.

    Raises:
        InputError: see `Line.read`.
    """
    found = []
    for path, name, seed in zip(files, data, seeds, strict=True):
        groups: dict[BudgetSettings, list[ProxyScores]] = {}
        for line in ProxyScores.read(path):
            groups.setdefault(budget_of(line), []).append(line)
        found += [Candidates(name, seed, budget, lines, _scores(lines)) for budget, lines in groups.items()]
    return found


def known_to(table: AccuracyTable, candidates: Candidates) -> Candidates:
    """The candidates that a table has: of others it is not known what they are worth. Aggregates rank those alone."""
    lines = [line for line in candidates.lines if line.architecture in table.accuracies]
    return candidates._replace(lines=lines, scores=_scores(lines))


def _scores(lines: Sequence[ProxyScores]) -> dict[str, Sequence[float]]:
    scores: dict[str, Sequence[float]] = {}
    for name in PROXIES:
        values = [getattr(line, name) for line in lines]
        if any(value is not None for value in values):
            scores[name] = [-math.inf if value is None else value for value in values]
    return with_aggregates(scores)
