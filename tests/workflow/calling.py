"""Stages by the names of their rules, called in this process; `within_budgets` with its algorithm after a space."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dfnas.rules import RULES
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.search import SearchStage
from dfnas.stages.supernet import SupernetStage
from dfnas.stages.within_budgets import WithinBudgets


def stage_of(rule: str) -> tuple[Stage[Any], Callable[[Job[Any]], None]]:
    """The stage that a rule runs, and its work."""
    name, _, algorithm = rule.partition(" ")
    stage: SearchStage | SupernetStage | WithinBudgets
    if RULES[name].is_search:
        stage = SearchStage(name.removeprefix("search_"))
        return stage, stage.work
    if RULES[name].is_supernet:
        stage = SupernetStage(name.removeprefix("supernet_"))
        return stage, stage.work
    if name == "within_budgets":
        stage = WithinBudgets(algorithm)
        return stage, stage.work
    module = importlib.import_module(f"dfnas.stages.{RULES[rule].stage}")
    return module.STAGE, getattr(module, RULES[rule].stage)


def call(rule: str, *arguments: str | Path) -> int:
    """The exit status of a rule's stage, on the CPU."""
    stage, work = stage_of(rule)
    return stage.main(work, ["--device", "cpu", *map(str, arguments)])
