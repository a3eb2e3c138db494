"""Memory and file descriptors that a machine denies a process, found behind whatever exceptions they have become.

Libraries tell of it in many ways, and whoever reads a file takes them for damage of it: "delete it to rebuild it"
would be the wrong advice. So what a command says at its end comes from what is behind an exception (`ending`).
"""

import errno
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dfnas.runtime.errors import InputError, reason

NO_MEMORY = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|memory allocation failed|"
    r"bad_alloc|STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
"""What torch, CUDA's libraries, HDF5 and the loader of shared libraries say."""
A_RULE = "<rule>"
ON_DEVICE = re.compile(r"CUDA|CUBLAS|CUDNN|HIP|MPS")


class DeniedError(InputError):
    """The machine had too little of something. The message says for what it was needed, and how much of it."""


def denied(error: BaseException, rule: str = A_RULE) -> str | None:
    """What the machine had too little of, and what to do, if that is behind an exception; else None.

    Args:
        rule: what reserves memory, for the advice.
    """
    for each in _behind(error):
        if isinstance(each, DeniedError):
            return str(each).replace(A_RULE, rule)
        if isinstance(each, OSError) and each.errno in (errno.EMFILE, errno.ENFILE):
            return _no_descriptors(each)
        if is_out_of_memory(each):
            if ON_DEVICE.search(str(each)):
                return f"the device is out of memory ({reason(each)}); lower batch_size"
            return f"out of memory{_said(each)}; the process held up to {held_mb()} MB; {_more_memory(rule)}"
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this exception itself says that there is no memory left, of the host or of a device."""
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    told = isinstance(error, RuntimeError | OSError | ImportError) and NO_MEMORY.search(str(error)) is not None
    return told or isinstance(error, MemoryError)


@contextmanager
def needing(what: str, size: int, remedy: str) -> Iterator[None]:
    """Says for what memory was needed, if it does not suffice for what is done here.

    Args:
        what: the thing that is held, as the subject of a sentence in the plural.
        size: of it, in bytes.
        remedy: how less of it is needed.

    Raises:
        DeniedError: there is not enough.
    """
    try:
        yield
    except Exception as error:  # each library has its own
        if not any(map(is_out_of_memory, _behind(error))) or any(
            isinstance(each, DeniedError) for each in _behind(error)
        ):
            raise
        raise DeniedError(
            f"out of memory: {what} need {size / 10**6:,.0f} MB at least, and the process held up to "
            f"{held_mb()} MB; {_more_memory(A_RULE)}; or {remedy}"
        ) from error


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, what it was raised from, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _no_descriptors(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENFILE:
        return f"{where}the machine has no file descriptor left for anybody; close programs, or raise fs.file-max"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = "without limit" if hard == resource.RLIM_INFINITY else f"up to {hard}"
    return (
        f"{where}too many open files: this process may hold {soft} at once; raise the limit where it is called, "
        f"`ulimit -n 4096` (here {most}), and run again; no file is damaged"
    )


def _said(error: BaseException) -> str:
    """How much was asked for, where the exception says it, in brackets."""
    asked = re.search(r"tried to allocate (\d+) bytes", str(error))
    text = f"{int(asked[1]) / 10**6:,.0f} MB more were asked for" if asked else " ".join(str(error).split())[:200]
    return f" ({text})" if text else ""


def held_mb() -> int:
    """The most memory that this process has had, in megabytes."""
    try:  # Linux's getrusage counts what the process held that started this one, too
        said = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    except OSError:
        said = None
    if said is not None:
        return int(said[1]) * 1024 // 10**6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1000 if sys.platform == "linux" else 10**6)


def _more_memory(rule: str) -> str:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    allowed = "" if limit == resource.RLIM_INFINITY else f"lift the limit of {limit // 10**6} MB (ulimit -v), "
    return (
        f"{allowed}free some, let fewer jobs run at once, or reserve more where a scheduler counts it "
        f"(resources.{rule}.mem_mb); a smaller batch_size or fewer images need less"
    )
