"""Where and how tensors are computed: device, threads, precision, and the switches that make results repeatable."""

import os
import platform
import re
import time
from contextlib import ExitStack
from pathlib import Path

import torch

from dfnas.runtime.control_groups import text_of
from dfnas.runtime.errors import InputError
from dfnas.runtime.locks import PAUSE_S, Lock
from dfnas.runtime.memory import keep_freed_memory

LOCKS = Path("/tmp")
"""Where the locks of this host are: the same place for every job, which TMPDIR need not be."""
CPUINFO = Path("/proc/cpuinfo")
CPU_FLAGS = re.compile(r"^(?:flags|Features)\s*:(.*)$", re.MULTILINE)
BFLOAT16_FLAGS = {"avx512_bf16", "bf16"}
BFLOAT16_CAPABILITY = (8, 0)
"""From which on GPUs compute in bfloat16."""


def prepare(device: str, threads: int, held: ExitStack) -> torch.device:
    """Sets the process up for repeatable results and chooses the device.

    Args:
        device: `auto` (a GPU if there is one), `cpu`, `cuda` (the first free GPU) or `cuda:N`, that one even if other
            jobs are on it.
        threads: threads of a CPU operation. Part of what determines a result: sums are split by threads.
        held: keeps the chosen GPU locked against other dfnas jobs on this host, until it is closed.

    Raises:
        InputError: a GPU is asked for and there is none, the device is unknown, or there are no threads.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise InputError(f"device = {device}: expected auto, cpu, cuda or cuda:N")
    if threads < 1:
        raise InputError(f"threads = {threads}: expected 1 or more")
    torch.set_num_threads(threads)
    on_cpu = device == "cpu" or (device == "auto" and not torch.cuda.is_available())
    if threads > 1 or not on_cpu:
        # One CPU thread adds in one order anyway, and this call costs a second: it loads torch's compiler.
        # Where a user's teacher has an operation without a deterministic form, a warning in the log has to do.
        torch.use_deterministic_algorithms(True, warn_only=True)
        # That also fills all memory before its first use, against code that reads what nothing wrote: a kernel more for
        # every convolution and BatchNorm, in latencies too. Tests show that ours reads no such thing. (The attribute is
        # one of the module's class, which mypy does not see.)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # float32 has the 24 bits that it says: by torch's default convolutions on a GPU would have 11 of them (TF32).
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    keep_freed_memory()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if on_cpu:
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputError(f"device = {device}: torch sees no GPU here; use device = cpu or auto")
    if device not in ("auto", "cuda") and int(device.removeprefix("cuda:")) >= torch.cuda.device_count():
        raise InputError(f"device = {device}: there are {torch.cuda.device_count()} GPUs here, numbered from 0")
    chosen = torch.device("cuda", _claim_gpu(held)) if device in ("auto", "cuda") else torch.device(device)
    torch.cuda.set_device(chosen)  # or what names no GPU would take memory of the first, which may be another job's
    return chosen


def host_lock(name: str) -> Lock:
    """A lock between all dfnas jobs of this user on this host.

    Raises:
        InputError: the folder of such locks cannot be made.
    """
    folder, remedy = LOCKS / f"dfnas-{os.getuid()}", "name a GPU, as device: cuda:0, for which no lock is taken"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}, where GPUs are locked, cannot be made: {error.strerror}; have {LOCKS} mended, or {remedy}"
        ) from error
    return Lock(folder / f"{name}.lock", "two jobs could take one GPU", remedy)


def _claim_gpu(held: ExitStack) -> int:
    """The index of a visible GPU that no other dfnas job on this host has claimed; waits for one if all are busy.

    Snakemake counts GPUs but assigns none. SLURM assigns some, by CUDA_VISIBLE_DEVICES: torch sees those alone.
    """
    locks = [host_lock(f"gpu-{gpu_name(index)}") for index in range(torch.cuda.device_count())]
    while True:
        for index, lock in enumerate(locks):
            if lock.take(held):
                return index
        time.sleep(PAUSE_S)


def gpu_name(index: int) -> str:
    """What a visible GPU is called by every job on this host, whatever its index there: its UUID.

    An instance of a split GPU (MIG) is called as in CUDA_VISIBLE_DEVICES, for its UUID may be that of the whole.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if index < len(visible) and visible[index].strip().startswith("MIG-"):
        return visible[index].strip().replace("/", "-")
    return str(torch.cuda.get_device_properties(index).uuid)


def describe(device: torch.device) -> str:
    """A GPU as a log names it: its index among the visible ones, its make and its UUID."""
    return f"{device}, {device_name(device)}, {gpu_name(device.index)}"


def device_name(device: torch.device) -> str:
    """The name of a GPU, or of the CPU as well as the system knows it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    named = re.search(r"^model name\s*:\s*(.+)$", text_of(CPUINFO), re.MULTILINE)
    return named[1] if named else platform.processor() or platform.machine()


def has_bfloat16(device: torch.device) -> bool | None:
    """Whether a device has instructions for it; None where nobody says. Without them torch took eleven times as long
    for a ResNet-20 in bfloat16 as in float32 (a CPU with AVX2, one thread)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= BFLOAT16_CAPABILITY
    flags = CPU_FLAGS.search(text_of(CPUINFO)) if device.type == "cpu" else None
    return None if flags is None else bool(BFLOAT16_FLAGS & set(flags[1].split()))


def synchronize(device: torch.device) -> None:
    """Waits for the work queued on a device, before a clock is read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
