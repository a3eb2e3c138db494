"""The option that says which budgets the results are told for."""

import argparse
import json
from typing import Any

from dfnas.runtime.errors import InputError
from dfnas.settings.search import BudgetSettings
from dfnas.stages.command import Stage


def add_budgets(stage: Stage[Any]) -> None:
    """Adds `--budgets`, those of `comparison`."""
    stage.argument(
        "--budgets",
        type=budgets,
        default=(),
        metavar="JSON",
        help="the budgets that results are told for, a list, as in comparison.budgets",
    )


def budgets(text: str) -> tuple[BudgetSettings, ...]:
    """Budgets, written as JSON."""
    try:
        values = json.loads(text)
        if not isinstance(values, list):
            raise InputError(f"is {type(values).__name__} in JSON; expected a list")
        return tuple(BudgetSettings.parse(value, f"budgets.{place}") for place, value in enumerate(values))
    except (json.JSONDecodeError, InputError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
