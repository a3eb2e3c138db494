"""Multiply-accumulates of what runs inside a `with`, by torch's own formulas for its operations."""

from types import TracebackType
from typing import Any, Self

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class MacCounter:
    """Counts convolutions and matrix products.

    `torch.utils.flop_counter.FlopCounterMode` counts the same, but loads torch's compiler for it: 1.6 seconds, which
    would be a third of the time of a short stage.

    Attributes:
        macs: so far.
    """

    def __init__(self) -> None:
        self._modes = (_Operations(), _UncountedSkipped())

    @property
    def macs(self) -> int:
        return self._modes[0].flops // 2

    def __enter__(self) -> Self:
        for mode in self._modes:
            mode.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for mode in reversed(self._modes):
            mode.__exit__(kind, error, trace)


class _Operations(TorchDispatchMode):
    """Attributes: flops, two for each multiplication with its addition."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0


def _counted(self: _Operations, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
    kwargs = kwargs or {}
    formula = flop_registry.get(getattr(function, "_overloadpacket", None))
    if formula is None and isinstance(function, torch._ops.OpOverload):
        with self:  # what an operation is made of may be countable
            made_up = function.decompose(*args, **kwargs)
        if made_up is not NotImplemented:
            return made_up
    result = function(*args, **kwargs)
    if formula is not None:
        self.flops += formula(*args, **kwargs, out_val=result)
    return result


# In the body of the class torch would wrap it so that its first call loads the compiler.
_Operations.__torch_dispatch__ = _counted  # type: ignore[assignment, method-assign]


class _UncountedSkipped(TorchFunctionMode):
    """Passes over functions that keep the shape and have no MACs. On the meta device torch breaks each of them up
    into a dozen steps in Python, which are three quarters of the time of a count."""

    _UNCOUNTED = frozenset({F.batch_norm, F.relu, F.relu6, F.hardtanh})

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function in self._UNCOUNTED and args:
            return args[0]
        return function(*args, **(kwargs or {}))
