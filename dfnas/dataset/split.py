"""Stratified splits: the same share of every class."""

import numpy as np

from dfnas.runtime.errors import InputError
from dfnas.runtime.seeds import derive


def held_out(classes: np.ndarray, fraction: float, seed: int, *path: str | int) -> np.ndarray:
    """Which images to hold out: bool (N,), the given fraction of every class and at least one image of it.

    Args:
        classes: int (N,).
        path: what the split is for; goes into the seed.

    Raises:
        InputError: a class with fewer than two images.
    """
    chosen = np.zeros(len(classes), dtype=bool)
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        if len(members) < 2:
            raise InputError(f"class {label} has {len(members)} image, too few to split; expected at least 2")
        order = np.random.default_rng(derive(seed, *path, int(label))).permutation(members)
        chosen[order[: min(len(members) - 1, max(1, round(len(members) * fraction)))]] = True
    return chosen


def limited(classes: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """Indices, ascending, of `limit` images spread as evenly over the classes as they allow."""
    if not limit or limit >= len(classes):
        return np.arange(len(classes))
    rank = np.empty(len(classes), dtype=np.int64)  # of an image within its class, in random order
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        rank[members] = np.random.default_rng(derive(seed, "limit", int(label))).permutation(len(members))
    return np.sort(np.lexsort((classes, rank))[:limit])


def check_classes(classes: np.ndarray, expected: int, where: str) -> None:
    """Raises InputError unless each of the classes 0 … expected - 1 occurs."""
    absent = sorted(set(range(expected)) - set(np.unique(classes).tolist()))
    if absent:
        raise InputError(f"{where} has no image of class {absent[0]} ({len(absent)} of {expected} classes are missing)")
    if len(classes) and (classes.max() >= expected or classes.min() < 0):
        raise InputError(f"{where} has class {classes.max()}, expected 0 to {expected - 1}")
