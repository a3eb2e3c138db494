"""The figures of a run, as sheets: what its searches found, its tables, the quality of its images."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dfnas.artifacts.architecture import FoundArchitecture
from dfnas.artifacts.budgets import BudgetRow
from dfnas.artifacts.lines import Line
from dfnas.artifacts.lookup import LookupRow
from dfnas.artifacts.metrics import Metrics, read_metrics
from dfnas.artifacts.table1 import Table1Row, TableRow
from dfnas.artifacts.table1_times import CostRow
from dfnas.runs.folder import RunFolder
from dfnas.runs.sheets import Key, Sheet, flattened
from dfnas.runtime.files import read_json
from dfnas.tables.rows import key_of, row_of

ROW_KEYS = TableRow.columns()
LOOKUP_KEYS = ("algorithm", "search_data", "draws")
BUDGET_KEYS = ("column", "budget", "algorithm", "search_data")


class Measured(NamedTuple):
    """A network that was evaluated."""

    metrics: Metrics
    path: Path
    """Where they stand; its predictions lie beside them."""


Networks = Mapping[Key, Sequence[Measured]]
"""Those of a run, by the row of Table 1 that they are of."""


def networks_of(run: RunFolder) -> Networks:
    """What was measured of every network."""
    groups: dict[Key, list[Measured]] = {}
    for path in run.files("evaluate/**/metrics.json"):
        metrics = read_metrics(path)
        groups.setdefault(key_of(metrics), []).append(Measured(metrics, path))
    return groups


def rows_of(run: RunFolder, networks: Networks) -> Sheet:
    """The rows of Table 1: those of the table, and over them what the networks' figures say that are there, so that a
    run without its table has rows as well. Without the architecture, which is a file of this run."""
    path = run.file("table1.csv")
    rows: dict[Key, Table1Row] = {row.key: row for row in (Table1Row.read(path) if path else ())}
    rows |= {key: row_of([one.metrics for one in found]) for key, found in networks.items()}
    hidden = (*ROW_KEYS, "architecture")
    return {key: {n: text for n, text in row.texts().items() if n not in hidden} for key, row in rows.items()}


def architectures_of(run: RunFolder) -> Sheet:
    """The choices of every found architecture, by algorithm, data and seed; its space under `space`."""
    found = {run.parts(path)[1:4]: path for path in run.files("search/*/*/*/architecture.json")}
    architectures = {key: FoundArchitecture.read(path) for key, path in found.items()}
    return {key: {"space": one.space.name, **one.choices} for key, one in architectures.items()}


def quality_of(run: RunFolder) -> Sheet:
    """What is said of the images, by data set and generation or judgement."""
    sheet: dict[Key, Mapping[str, Any]] = {}
    for path in run.files("quality/*/*.json"):
        report = {name: value for name, value in read_json(path).items() if name != "provenance"}
        sheet[run.parts(path)[1], path.stem] = flattened(report)
    return sheet


def lookups_of(run: RunFolder) -> Sheet:
    """The rows of `lookup.csv` and of `budgets.csv`."""
    path, budgets = run.file("lookup.csv"), run.file("budgets.csv")
    rows = _sheet(LookupRow.read(path) if path else (), LOOKUP_KEYS)
    return {**rows, **_sheet(BudgetRow.read(budgets) if budgets else (), BUDGET_KEYS)}


def costs_of(run: RunFolder) -> Sheet:
    """The rows of `table1_times.csv`."""
    path = run.file("table1_times.csv")
    return _sheet(CostRow.read(path) if path else (), ROW_KEYS)


def _sheet(lines: Iterable[Line], keys: tuple[str, ...]) -> Sheet:
    rows = [line.texts() for line in lines]
    return {
        tuple(row[key] for key in keys): {name: text for name, text in row.items() if name not in keys and text}
        for row in rows
    }
