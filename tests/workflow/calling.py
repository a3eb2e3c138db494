"""Stages by the names of their rules, called in this process."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dfnas.rules import RULES
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.search import SearchStage


def stage_of(rule: str) -> tuple[Stage[Any], Callable[[Job[Any]], None]]:
    """The stage that a rule runs, and its work."""
    if RULES[rule].is_search:
        stage = SearchStage(rule.removeprefix("search_"))
        return stage, stage.work
    module = importlib.import_module(f"dfnas.stages.{RULES[rule].stage}")
    return module.STAGE, getattr(module, RULES[rule].stage)


def call(rule: str, *arguments: str | Path) -> int:
    """The exit status of a rule's stage, on the CPU."""
    stage, work = stage_of(rule)
    return stage.main(work, ["--device", "cpu", *map(str, arguments)])
