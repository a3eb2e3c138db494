"""A search step by step, and what its state holds."""

import torch


def leaves(value) -> list:
    """Tensors, numbers and texts of a state; tensors as lists of their numbers."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        return [leaf for one in value for leaf in leaves(one)]
    return [value.tolist() if isinstance(value, torch.Tensor) else value]


def finish(search, start, end=None):
    """Steps of a search, to the last unless said otherwise; the rows that they report."""
    rows = []
    while start < (search.steps if end is None else end):
        rows.append(search.step(start))
        start += 1
    return [row for row in rows if row]
