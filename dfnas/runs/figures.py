"""The figures of a run, as sheets: what its searches found, its tables, the quality of its images."""

from typing import Any

from dfnas.runs.folder import RunFolder
from dfnas.runs.sheets import Sheet, flattened
from dfnas.runtime.files import read_csv, read_json
from dfnas.stages.rows import COLUMNS, KEYS, by_row, read_figures, row_of

TIMES = "table1_times.csv"
LOOKUP_KEYS = ("algorithm", "search_data", "draws")


def networks_of(run: RunFolder) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """What was measured of every network, by the row of Table 1 that it is of, each with `file`, where it stands."""
    files = run.files("evaluate/**/metrics.json")
    return by_row(read_figures(path) | {"file": path} for path in files)


def rows_of(run: RunFolder, networks: dict[tuple[str, ...], list[dict[str, Any]]]) -> Sheet:
    """The rows of Table 1: those of the table, and over them what the networks' figures say that are there, so that a
    run without its table has rows as well. Without the architecture, which is a file of this run."""
    path = run.file("table1.csv")
    rows = {_key(row, KEYS): row for row in read_csv(path, COLUMNS)} if path else {}
    rows |= {key: {name: str(value) for name, value in row_of(found).items()} for key, found in networks.items()}
    shown = [name for name in COLUMNS if name not in (*KEYS, "architecture")]
    return {key: {name: row[name] for name in shown} for key, row in rows.items()}


def architectures_of(run: RunFolder) -> Sheet:
    """The choices of every found architecture, by algorithm, data and seed; its space under `space`."""
    sheet = {}
    for path in run.files("search/*/*/*/architecture.json"):
        document = read_json(path, {"space": {"name": str}, "choices": dict[str, str]}, by_hand=True)
        sheet[run.parts(path)[1:4]] = {"space": document["space"]["name"], **document["choices"]}
    return sheet


def quality_of(run: RunFolder) -> Sheet:
    """What is said of the images, by data set and generation or judgement."""
    sheet = {}
    for path in run.files("quality/*/*.json"):
        report = {name: value for name, value in read_json(path).items() if name != "provenance"}
        sheet[run.parts(path)[1], path.stem] = flattened(report)
    return sheet


def lookups_of(run: RunFolder) -> Sheet:
    """The rows of `lookup.csv`."""
    return _table(run, "lookup.csv", LOOKUP_KEYS)


def costs_of(run: RunFolder) -> Sheet:
    """The rows of `table1_times.csv`."""
    return _table(run, TIMES, KEYS)


def _table(run: RunFolder, name: str, keys: tuple[str, ...]) -> Sheet:
    path = run.file(name)
    rows = read_csv(path, keys) if path else []
    return {_key(row, keys): {name: value for name, value in row.items() if name not in keys and value} for row in rows}


def _key(row: dict[str, str], keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(row[name] for name in keys)
