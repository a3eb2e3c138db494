"""A device that is none: its tensors hold real numbers, say `gpu:0`, and are computed on the CPU. They refuse to meet
tensors of the CPU as a GPU's do, and every operation, every wait of the host and every upload is written down.

It stands on torch's experimental interface for devices that are written in Python. Importing this module registers it
for the whole process. It knows nothing of a GPU's kernels, streams and memory.
"""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

import dfnas

PACKAGE = f"{dfnas.__path__[0]}/"
aten = torch.ops.aten
ASKS = {aten._local_scalar_dense, aten.nonzero, aten.equal, aten.masked_select, aten._unique2, aten.bincount}
"""Operations whose result the host has to know: its value or its shape."""
BY_INDEX = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_, aten._unsafe_index}
"""Operations that take indices of the CPU as well, and move them."""
IN_BFLOAT16 = ("conv2d", "linear", "matmul", "addmm", "mm", "bmm")
"""Those of what a network does that autocast computes in bfloat16 on a GPU."""


class Backend(_DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]

    def manual_seed(self, seed: int) -> None:
        """The numbers that are drawn are those of the CPU."""


_setup_privateuseone_for_python_backend("gpu", backend_module=Backend())
DEVICE = torch.device("gpu:0")


class MixedDevicesError(RuntimeError):
    """An operation has got tensors of the device and of the CPU."""


class Log:
    """What happened while it was open.

    Attributes:
        operations: how often each was called that is no view.
        waits, uploads: of the host for the device, and for what it sends there, by the line of dfnas.
        sent: bytes that went to the device.
        met: every operation's name, as the dispatcher has it.
    """

    def __init__(self) -> None:
        self.open, self.sent, self.met = False, 0, set[str]()
        self.operations, self.waits, self.uploads = Counter[str](), Counter[str](), Counter[str]()

    @contextmanager
    def step(self) -> Iterator[None]:
        """Counts what happens within."""
        self.open = True
        yield
        self.open = False

    def look(self, operation, args, kwargs, ours: list, theirs: list) -> None:
        """Takes in one operation. Raises MixedDevicesError."""
        packet, to = operation.overloadpacket, kwargs.get("device")
        self.met.add(operation.name())
        copies, down = packet is aten.copy_ and bool(theirs), to is not None and not is_ours(to)
        if ours and any(t.dim() for t in theirs) and not copies:  # single numbers may be anywhere
            indices = args[1] if packet in BY_INDEX else ()
            if not all(isinstance(t, OnDevice) or any(t is index for index in indices) for t in (args[0], *theirs)):
                raise MixedDevicesError(f"{operation} of {[(str(t.device), tuple(t.shape)) for t in ours + theirs]}")
            self._upload(theirs)
        if (packet is aten._to_copy and not ours) or (copies and isinstance(args[0], OnDevice)):
            free = (kwargs.get("non_blocking") or args[2:] == (True,)) and hasattr(theirs[0], "pinned")
            self._upload(theirs, free, kwargs.get("dtype") or args[0].dtype)  # another type is made on the CPU
        masked = packet in BY_INDEX and any(t.dtype is torch.bool for t in tree_leaves(args[1]) if t is not None)
        if self.open and (
            (copies and not isinstance(args[0], OnDevice)) or (ours and (down or packet in ASKS or masked))
        ):
            self.waits[f"{packet} in {place()}"] += 1
        if self.open and not operation.is_view and packet is not aten.detach and (ours or packet is not aten._to_copy):
            self.operations[str(packet)] += 1

    def _upload(self, tensors: list, free: bool = False, dtype: torch.dtype | None = None) -> None:
        if self.open:
            self.sent += sum(t.numel() * (dtype or t.dtype).itemsize for t in tensors)
            self.uploads[place()] += not free


def place() -> str:
    """The line of dfnas that runs."""
    inside = [frame for frame in traceback.extract_stack() if frame.filename.startswith(PACKAGE)]
    return f"{inside[-1].filename.removeprefix(PACKAGE)}:{inside[-1].lineno}" if inside else "?"


def is_ours(device) -> bool:
    return device is not None and torch.device(device).type == DEVICE.type


class OnDevice(torch.Tensor):
    """A tensor of the device around one of the CPU."""

    @staticmethod
    def __new__(cls, inner: torch.Tensor):
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        return torch.Tensor._make_wrapper_subclass(cls, inner.size(), **layout, device=DEVICE)

    def __init__(self, inner: torch.Tensor):
        self.inner = inner

    def __repr__(self) -> str:
        return f"OnDevice({self.inner})"

    def tolist(self):
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return computed(operation, args, kwargs or {}, LOGS[-1])


LOGS = [Log()]


def computed(operation, args, kwargs, log: Log):
    """What an operation gives, on the device where it belongs there."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    ours, theirs = [t for t in tensors if isinstance(t, OnDevice)], [t for t in tensors if not isinstance(t, OnDevice)]
    to = kwargs.get("device")
    if not ours and not is_ours(to):
        return operation(*args, **kwargs)
    log.look(operation, args, kwargs, ours, theirs)
    inner, named = tree_map_only(OnDevice, lambda t: t.inner, (args, kwargs))
    out = operation(*inner, **(named | {"device": "cpu"} if is_ours(to) else named))
    if to is not None and not is_ours(to):
        return out
    wrapped = tree_map_only(torch.Tensor, lambda t: t if isinstance(t, OnDevice) else OnDevice(t), out)
    writes = any(argument.alias_info and argument.alias_info.is_write for argument in operation._schema.arguments)
    if (writes or operation.is_view) and not operation._opname.startswith(("_foreach", "_fused")):
        return return_and_correct_aliasing(operation, args, kwargs, wrapped)
    return wrapped


class Pretend(TorchDispatchMode):
    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        return computed(operation, args, kwargs or {}, LOGS[-1])


def pinned(tensor: torch.Tensor, *_) -> torch.Tensor:
    copy = tensor.clone()
    copy.pinned = True
    return copy


@contextmanager
def pretend(log: Log) -> Iterator[Log]:
    """Within, the device is there."""
    lifted, pin = torch._C._only_lift_cpu_tensors(), torch.Tensor.pin_memory
    overwritten = torch.__future__.get_overwrite_module_params_on_conversion()
    torch._C._set_only_lift_cpu_tensors(True)
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    torch.Tensor.pin_memory = pinned
    LOGS.append(log)
    try:
        with Pretend():
            yield log
    finally:
        LOGS.pop()
        torch.Tensor.pin_memory = pin
        torch.__future__.set_overwrite_module_params_on_conversion(overwritten)
        torch._C._set_only_lift_cpu_tensors(lifted)


def _in_bfloat16(packet) -> Callable:
    def cast(*args, **kwargs):
        def low(tensor):
            return tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor

        key = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)
        with torch._C._ExcludeDispatchKeyGuard(key):
            return packet.default(*tree_map_only(OnDevice, low, args), **tree_map_only(OnDevice, low, kwargs))

    return cast


_OTHERS = torch.library.Library("_", "IMPL", "AutocastPrivateUse1")
_OTHERS.fallback(torch.library.fallthrough_kernel)
_AUTOCAST = torch.library.Library("aten", "IMPL", "AutocastPrivateUse1")
for _name in IN_BFLOAT16:
    _AUTOCAST.impl(_name, _in_bfloat16(getattr(aten, _name)))
