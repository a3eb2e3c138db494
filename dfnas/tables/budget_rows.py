"""Rows of the tables of results under budgets, from single runs and from what needs none."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dfnas.artifacts.budgets import BudgetRow, BudgetRun, FoundBy, PairedRow, budget_of
from dfnas.measure.nested import nested_mean
from dfnas.measure.yardsticks import label
from dfnas.settings.search import BudgetSettings
from dfnas.settings.sources import NO_DATA

Yardsticks = Mapping[tuple[str, BudgetSettings], Mapping[str, float]]
"""The accuracies of `dfnas.measure.yardsticks`, by column of the table and budget."""
AGAINST_PROXY = "az_nas_synflow"
ALL = "all"
"""What stands for all budgets together."""


def rows_of(runs: Sequence[BudgetRun], sticks: Yardsticks) -> list[BudgetRow]:
    """The rows of each column and budget: yardsticks, then what was found."""
    return [row for (column, budget), bests in sticks.items() for row in _rows(column, budget, bests, runs)]


def _rows(
    column: str, budget: BudgetSettings, sticks: Mapping[str, float], runs: Sequence[BudgetRun]
) -> list[BudgetRow]:
    common: dict[str, Any] = {"column": column, "budget": label(budget.plain()), **budget.plain()}
    rows = [
        BudgetRow(
            **common,
            found_by="yardstick",
            algorithm=name,
            search_data=NO_DATA,
            accuracy_mean=accuracy,
            regret_mean=sticks["best"] - accuracy,
        )
        for name, accuracy in sticks.items()
    ]
    here = [run for run in runs if run.column == column and budget_of(run) == budget]
    for (found_by, algorithm, data), group in _grouped(here).items():
        regret = nested_mean([(run.synthesis, run.regret) for run in group])
        collapsed = [run.collapsed for run in group if run.collapsed is not None]
        row = BudgetRow(
            **common,
            found_by=found_by,
            algorithm=algorithm,
            search_data=data,
            accuracy_mean=sticks["best"] - regret.mean,
            regret_mean=regret.mean,
            regret_low=regret.low,
            regret_high=regret.high,
            interval_over=regret.over,
            regret_worst=max(run.regret for run in group),
            macs_m_mean=nested_mean([(run.synthesis, run.macs_m) for run in group]).mean,
            runs=len(group),
            syntheses=len({run.synthesis for run in group}),
            collapsed=sum(collapsed) if collapsed else None,
        )
        rows.append(row)
    return rows


def _grouped(runs: Iterable[BudgetRun]) -> dict[tuple[FoundBy, str, str], list[BudgetRun]]:
    """Runs by what found them and on which kind of data, in the order in which these come first."""
    groups: dict[tuple[FoundBy, str, str], list[BudgetRun]] = {}
    for run in runs:
        groups.setdefault((run.found_by, run.algorithm, run.search_data), []).append(run)
    return groups


class _Difference(NamedTuple):
    """Of one run in one budget."""

    run: BudgetRun
    against: str
    points: float


def paired_rows(runs: Sequence[BudgetRun], sticks: Yardsticks) -> list[PairedRow]:
    """Every search against what stands still, in each budget and over all of them."""
    groups: dict[tuple[str, str, str, str, str], list[tuple[str, float]]] = {}
    over_all: dict[tuple[str, str, str, str], dict[tuple[str, int], list[float]]] = {}
    for run, against, points in _differences(runs, sticks):
        of_search = (run.algorithm, run.search_data, against)
        groups.setdefault((run.column, run.budget, *of_search), []).append((run.synthesis, points))
        over_all.setdefault((run.column, *of_search), {}).setdefault((run.synthesis, run.seed), []).append(points)
    budgets = len({budget for _, budget in sticks})
    if budgets > 1:
        for (column, *rest), of_runs in over_all.items():
            means = [(name, statistics.fmean(p)) for (name, _), p in of_runs.items() if len(p) == budgets]
            if means:
                algorithm, data, against = rest
                groups[column, ALL, algorithm, data, against] = means
    return [_paired(place, values) for place, values in groups.items()]


def _paired(place: tuple[str, str, str, str, str], values: Sequence[tuple[str, float]]) -> PairedRow:
    column, budget, algorithm, data, against = place
    mean = nested_mean(values)
    return PairedRow(
        column=column,
        budget=budget,
        algorithm=algorithm,
        search_data=data,
        against=against,
        difference=mean.mean,
        low=mean.low,
        high=mean.high,
        interval_over=mean.over,
        runs=len(values),
        syntheses=len({name for name, _ in values}),
    )


def _differences(runs: Sequence[BudgetRun], sticks: Yardsticks) -> Iterator[_Difference]:
    """Of every run of a search: to the largest, to the expected best of the most draws near the budget, and to the find
    of a proxy with its seed, on its data or else on noise."""
    proxies = {
        (run.column, run.budget, run.synthesis, run.seed): run.accuracy
        for run in runs
        if run.found_by == "proxy" and run.algorithm == AGAINST_PROXY
    }
    for run in runs:
        if run.found_by != "search":
            continue
        bests = sticks[run.column, budget_of(run)]
        near = [name for name in bests if name.endswith("_near")][-1:]
        for name in ("largest", *near):
            yield _Difference(run, name, run.accuracy - bests[name])
        own = ((run.column, run.budget, data, run.seed) for data in (run.synthesis, NO_DATA))
        reached = next((proxies[place] for place in own if place in proxies), None)
        if reached is not None:
            yield _Difference(run, AGAINST_PROXY, run.accuracy - reached)
