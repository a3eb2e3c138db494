"""How far two results of a loop are apart."""

from typing import Any

import torch


def difference(one: Any, other: Any) -> float:
    """The largest between two results, infinite where they are not alike. Of tensors, the root mean square
    of the difference, relative to theirs where that is above 1."""
    if isinstance(one, torch.Tensor) and one.is_floating_point() and one.shape == other.shape:
        squares = [tensor.double().square().mean() for tensor in (one - other, one)] if one.numel() else torch.zeros(2)
        return (squares[0].sqrt() / squares[1].sqrt().clamp_min(1)).item()
    if isinstance(one, dict) and one.keys() == other.keys():
        return max((difference(one[name], other[name]) for name in one), default=0.0)
    if isinstance(one, list) and len(one) == len(other):
        return max((difference(*pair) for pair in zip(one, other, strict=True)), default=0.0)
    if isinstance(one, float) and one == one:
        return abs(one - other)
    same = torch.equal(one, other) if isinstance(one, torch.Tensor) else repr(one) == repr(other)
    return 0.0 if same else float("inf")


def alike(one: Any, other: Any) -> bool:
    """Whether two results have the same bits."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return repr(one) == repr(other)
