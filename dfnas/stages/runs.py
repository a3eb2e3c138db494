"""Runs: what tells one from another, and which of a row or algorithm stands for all."""

from collections.abc import Iterable, Mapping
from typing import Any

IDENTITY = ("algorithm", "search_data", "retrain_data", "seed")
"""Of a trained network; the teacher has the first alone."""
TEACHER = "teacher"


def identity_of(run: Mapping[str, Any]) -> tuple[str, ...]:
    """What tells a run from all others, as text. A mapping has it by the names of IDENTITY, where it has them."""
    return tuple(str(run.get(name, "")) for name in IDENTITY)


def best_of(runs: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The run with the lowest error on its validation images, then with the lowest seed, then the first. Test images
    choose nothing.

    Args:
        runs: each with `validation_error` and `seed`.
    """
    return min(runs, key=lambda run: (run["validation_error"], run["seed"]))
