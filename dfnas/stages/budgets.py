"""Options of the tables of results: budgets, kinds of data, and what training-free proxies say."""

import argparse
import json
from pathlib import Path
from typing import Any

from dfnas.runtime.errors import InputError
from dfnas.settings.search import BudgetSettings
from dfnas.stages.command import Stage
from dfnas.stages.options import section, seed


def add_budgets(stage: Stage[Any]) -> None:
    """Adds `--budgets`, those of `comparison`."""
    stage.argument(
        "--budgets",
        type=budgets,
        default=(),
        metavar="JSON",
        help="the budgets that results are told for, a list, as in comparison.budgets",
    )


def add_kinds(stage: Stage[Any]) -> None:
    """Adds `--kinds`: data sets that differ in seeds alone are syntheses of one kind."""
    stage.argument(
        "--kinds", type=section, default={}, metavar="JSON", help="the kind of each data set, an object: name to name"
    )


def add_proxies(stage: Stage[Any]) -> None:
    """Adds what training-free proxies say of candidates, a file for each run."""
    lists: dict[str, Any] = {"nargs": "*", "default": []}
    stage.argument("--proxies", type=Path, metavar="FILE", help="scores of candidates, CSV, one file a run", **lists)
    stage.argument("--proxy-data", metavar="NAME", help="the images of each of those runs", **lists)
    stage.argument("--proxy-seeds", type=seed, metavar="N", help="the seed of each", **lists)


def budgets(text: str) -> tuple[BudgetSettings, ...]:
    """Budgets, written as JSON."""
    try:
        values = json.loads(text)
        if not isinstance(values, list):
            raise InputError(f"is {type(values).__name__} in JSON; expected a list")
        return tuple(BudgetSettings.parse(value, f"budgets.{place}") for place, value in enumerate(values))
    except (json.JSONDecodeError, InputError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
