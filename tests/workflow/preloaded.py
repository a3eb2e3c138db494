"""A `python` whose libraries are loaded already: the start of a stage or of Snakemake costs a fork.

A server imports torch, Snakemake and what else is heavy, but nothing of ours, and forks for every call of a small
program named `python`, put first on the PATH. The child takes over the caller's arguments, environment, folder and
descriptors and imports our code anew, from wherever PYTHONPATH says, so that edited copies of the sources count.
Signals and the exit status are passed on: who kills the caller kills the child and all that it started. Two things
differ from an interpreter: the child has another process id than the caller, and texts hash as in the server.
"""

import contextlib
import functools
import importlib
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HEAVY = (
    *("torch", "torch._dynamo", "torch.export", "torch.onnx", "torchvision", "torch.utils.flop_counter", "h5py"),
    *("numpy", "scipy.special", "pydantic", "tqdm", "yaml", "PIL.Image", "sklearn.datasets", "matplotlib.figure"),
    *("matplotlib.backends.backend_agg", "snakemake.cli", "snakemake.api", "safetensors.torch", "onnx", "onnxscript"),
)
ONE_THREAD = dict.fromkeys((f"{name}_NUM_THREADS" for name in ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")), "1")
"""What Snakemake sets for a job of one thread."""
AT_START = ("PYTHONHASHSEED", "LD_", "MALLOC_", *(name.split("_")[0] for name in ONE_THREAD))
"""Variables that an interpreter or its libraries read when they start: who sets one otherwise gets a real one."""

SHIM = """#!{interpreter} -ISE
import _socket, os, signal, struct, sys
arguments, environment = sys.argv[1:], os.environ
real = any(name.startswith({variables!r}) and {kept!r}.get(name) != value for name, value in environment.items())
if real or not arguments or arguments[0].startswith("-") and arguments[0] != "-m":
    os.execv({interpreter!r}, [{interpreter!r}, *arguments])
mask = os.umask(0)
os.umask(mask)
fields = [str(mask), os.getcwd(), str(len(arguments)), *arguments, *(f"{{k}}={{v}}" for k, v in environment.items())]
content = b"\\0".join(map(os.fsencode, fields))
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
server.connect({address!r})
descriptors = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("3i", 0, 1, 2))
server.sendmsg([struct.pack("<I", len(content))], [descriptors])
while content:
    content = content[server.send(content):]
(child,) = struct.unpack("<i", server.recv(4))
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, lambda number, frame: os.kill(child, number))
answer = server.recv(4)
(status,) = struct.unpack("<i", answer) if answer else (70,)
if status < 0:
    signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
    os.kill(os.getpid(), -status)
os._exit(status)
"""


def commands(name: str = "") -> Path:
    """The folder with such a `python`, for as long as this process lives. Servers of other names hash otherwise."""
    return _begun(name)


@functools.cache
def _begun(name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dfnas-"))
    kept = {name: value for name, value in os.environ.items() if name.startswith(AT_START)}
    values = {"interpreter": sys.executable, "address": str(folder / "socket"), "variables": AT_START}
    values["kept"] = kept | ONE_THREAD
    command = folder / "python"
    command.write_text(SHIM.format(**values))
    command.chmod(0o755)
    here = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {here!r}); import preloaded; sys.path.remove({here!r}); preloaded.main()"
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHASHSEED")}
    environment |= ONE_THREAD
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    call = [sys.executable, "-c", code, str(folder)]
    process = subprocess.Popen(call, **pipes, env=environment, cwd=folder, start_new_session=True)
    assert process.stdout.readline() == b"ready\n"
    _servers.append(process)
    return folder


_servers: list[subprocess.Popen] = []
"""They end with their standard input, which ends with this process."""


def worker(caller: int, name: str = "") -> int | None:
    """The process that does what a `python` was called for, while it lives."""
    with contextlib.suppress(OSError):
        return int(os.readlink(commands(name) / str(caller)))
    return None


class Call:
    """A call under way: who waits for it, and the process that does it."""

    def __init__(self, caller: socket.socket):
        self.caller, self.child, self.process, self.named = caller, 0, -1, Path()

    def begin(self, folder: Path) -> list[str] | None:
        """Forks, and leaves the child's number under the caller's. In the child: the call's fields, for its descriptors
        are in place."""
        header, descriptors, *_ = socket.recv_fds(self.caller, 4, 3)
        (missing,) = struct.unpack("<I", header)
        content = bytearray()
        while len(content) < missing:
            content += self.caller.recv(missing - len(content))
        self.child = os.fork()
        if not self.child:
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
                os.close(descriptor)
            return list(map(os.fsdecode, bytes(content).split(b"\0")))
        for descriptor in descriptors:
            os.close(descriptor)
        self.process = os.pidfd_open(self.child)
        caller, *_ = struct.unpack("3i", self.caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        self.named = folder / str(caller)
        self.named.symlink_to(str(self.child))
        self.caller.send(struct.pack("<i", self.child))
        return None

    def end(self) -> None:
        """Tells the caller how the process ended."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        with contextlib.suppress(OSError):
            self.caller.send(struct.pack("<i", status))
        self.caller.close()
        self.named.unlink()
        os.close(self.process)

    def kill(self) -> None:
        """Kills the process and what it started in its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child, signal.SIGKILL)


def serve(folder: Path) -> list[str]:
    """Forks for every call until standard input ends. Returns in the child alone, with the call's fields."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "socket"))
    listening.listen(64)
    print("ready", flush=True)
    poll, calls = select.poll(), {}
    poll.register(listening, select.POLLIN)
    poll.register(0, select.POLLIN)
    while True:
        # The listening socket last: a new call may get the number of a descriptor that was just closed.
        for number, _ in sorted(poll.poll(), key=lambda event: event[0] == listening.fileno()):
            if number == 0:
                for call in {*calls.values()}:
                    call.kill()
                shutil.rmtree(folder)
                os._exit(0)
            elif number == listening.fileno():
                call = Call(listening.accept()[0])
                try:
                    fields = call.begin(folder)
                except (OSError, struct.error):  # the caller is gone
                    call.caller.close()
                    continue
                if fields is not None:
                    for other in {call, *calls.values()}:
                        other.caller.close()
                        os.close(other.process) if other.process >= 0 else None
                    listening.close()
                    return fields
                calls |= {call.process: call, call.caller.fileno(): call}
                poll.register(call.process, select.POLLIN)
                poll.register(call.caller, select.POLLHUP)
            elif number in calls:
                call = calls[number]
                if number == call.process:
                    for each in (call.process, call.caller.fileno()):
                        calls.pop(each)
                        with contextlib.suppress(KeyError):
                            poll.unregister(each)
                    call.end()
                else:  # the caller was killed: its descriptor stays, so that the end of the process finds it
                    poll.unregister(number)
                    call.kill()


def become(fields: list[str]) -> None:
    """Makes this process the interpreter that was called, up to its last line."""
    import runpy

    os.setpgid(0, 0)
    mask, place, count, *rest = fields
    arguments, environment = rest[: int(count)], rest[int(count) :]
    os.umask(int(mask))
    os.chdir(place)
    os.environ.clear()
    os.environ.update(line.split("=", 1) for line in environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    libraries = [path for path in sys.path if path]
    named = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if arguments[0] == "-m":
        sys.path[:] = [place, *named, *libraries]
        sys.argv[:] = arguments[1:]
        runpy._run_module_as_main(arguments[1])
    else:
        script = os.path.realpath(arguments[0])
        sys.path[:] = [os.path.dirname(script), *named, *libraries]
        sys.argv[:] = arguments
        runpy.run_path(arguments[0], run_name="__main__")


def run(fields: list[str]) -> None:
    """The same, and the end as of an interpreter: what is to be done at exit, and the status. Nothing is taken down."""
    import atexit
    import threading
    import traceback

    status = 0
    try:
        become(fields)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status & 255)


def main() -> None:
    import gc

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    run(serve(Path(sys.argv[1])))
