"""What may come out of a file that somebody else made: plain tensors that the file has room for, and plain values."""

import sys
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

DEPTH = 64
"""Of containers inside each other; checkpoints of training have less than ten."""
VALUES = 10_000_000
"""In all, those that are in several places counted in each: whoever walks through them must come to an end."""


def check_plain(value: Any, held: int) -> None:
    """Raises ValueError, with the end of a sentence, unless all that is there are dense tensors on the CPU, of no more
    bytes than the file has, and plain values without circles.

    Args:
        held: bytes of the file.
    """
    _count(value, held, 0, {})


def _count(value: Any, held: int, depth: int, counts: dict[int, int | None]) -> int:
    """The values in a value. `counts` has those of every container that was seen, None while one is walked through."""
    if _is_tensor(value):
        _check_tensor(value, held)
        return 1
    if not isinstance(value, Mapping | list | tuple | set | frozenset):
        return 1
    if id(value) in counts:
        found = counts[id(value)]
        if found is None:
            raise ValueError("contains itself")
        return found
    if depth == DEPTH:
        raise ValueError(f"is nested more than {DEPTH} times")
    counts[id(value)] = None
    parts: Iterable[Any] = chain(value.keys(), value.values()) if isinstance(value, Mapping) else value
    count = 1 + sum(_count(part, held, depth + 1, counts) for part in parts)
    if count > VALUES:
        raise ValueError(f"stands for more than {VALUES} values")
    counts[id(value)] = count
    return count


def _is_tensor(value: Any) -> bool:
    # Who has tensors has loaded torch; who reads a configuration has none, and is spared the second that it takes.
    loaded = sys.modules.get("torch")
    return loaded is not None and isinstance(value, loaded.Tensor)


def _check_tensor(tensor: "torch.Tensor", held: int) -> None:
    import torch

    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        raise ValueError(f"holds a tensor that is not plain ({tensor.layout}, {tensor.dtype}, {tensor.device})")
    claimed = tensor.numel() * tensor.element_size()
    if claimed > held:
        raise ValueError(f"holds a tensor of shape {tuple(tensor.shape)}, for which a file of {held} bytes has no room")
