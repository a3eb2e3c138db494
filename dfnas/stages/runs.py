"""Runs of one row or algorithm: which of them stands for all."""

from collections.abc import Iterable, Mapping
from typing import Any


def best_of(runs: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The run with the lowest error on its validation images, then with the lowest seed, then the first. Test images
    choose nothing.

    Args:
        runs: each with `validation_error` and `seed`.
    """
    return min(runs, key=lambda run: (run["validation_error"], run["seed"]))
