"""What the first quarter of an hour on a GPU is for: whether all is right there, then how fast it is.

    python benchmarks/gpu_first_quarter_hour.py --out quarter.csv                                # on a GPU
    python benchmarks/gpu_first_quarter_hour.py --out quarter.csv --device cpu --small           # does it run at all

The cheapest come first, and every figure is in the file as soon as it is known. What would not fit into the time that
is left is skipped; the file says so. Parts:

1 right       every loop of tests/device against the CPU, its counted step under torch's sync debug mode `error`; where
              that finds a wait, the waits of the step and the line of the first
2 repeatable  loops at their usual sizes twice, and once resumed from a checkpoint: whether the bits are equal
3 switches    a step with filled memory, with TF32, and a network's passes in either layout: the ratio of times
4 inversion   seconds a step of ResNet-20 at 256 and 4096 images: eager, compiled, with CUDA graphs
5 busy        launches of a step, and the share of its time in which the device computes
6 student     `gpu_student.py` in all the time that is left, with its curve; it learns CIFAR-10 where DFNAS_DATA is set,
              else random images, of which only the speed means anything

Needs torch, torchvision for the last part alone, and what the package imports, but no Snakemake.
"""

import argparse
import csv
import os
import signal
import statistics
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import needed  # noqa: F401
import torch
from gpu_loops import SIZES, begun
from gpu_student import prepared
from inversion_gpu import MODES, measured
from torch import nn
from torch.autograd import DeviceType

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.runtime.device import device_name, prepare, synchronize

TESTS = Path(__file__).parents[1] / "tests" / "device"
sys.path.append(str(TESTS))
from likeness import alike, difference  # noqa: E402
from loops import SCENARIOS, Scenario, on_cpu, saved  # noqa: E402

COLUMNS = ("at_s", "part", "what", "figure", "value", "unit", "note")
SMALL_SCENARIOS = ("views", "inversion, rolled", "spos")
STUDENT_LEAST_S = 60.0
Figure = tuple[str, float | str, str]
"""Name, value and unit."""


class Measurement(NamedTuple):
    """Something to be measured, which gives its figures one by one."""

    part: str
    what: str
    cost_s: float
    """What it is expected to take on a GPU; small ones nothing."""
    figures: Callable[[], Iterator[Figure]]


class OutOfTimeError(BaseException):  # no error of whoever is at work, which libraries would take for their own
    """The time is over."""


class Table:
    """The file of figures, and the time that is left."""

    def __init__(self, out: Path, seconds: float):
        self.begun, self.seconds = time.monotonic(), seconds
        self.file = out.open("w", newline="")
        self.writer = csv.writer(self.file, lineterminator="\n")
        self._line(COLUMNS)

    @property
    def left_s(self) -> float:
        return self.seconds - (time.monotonic() - self.begun)

    def add(self, part: str, what: str, figure: str, value: Any = "", unit: str = "", note: str = "") -> None:
        at = f"{time.monotonic() - self.begun:.1f}"
        self._line((at, part, what, figure, f"{value:.6g}" if isinstance(value, float) else value, unit, note))

    def _line(self, values: tuple) -> None:
        self.writer.writerow(values)
        self.file.flush()
        print(*values, sep="  ", flush=True)

    def measure(self, one: Measurement) -> None:
        """Adds what a measurement gives, or why it gives nothing more."""
        if one.cost_s > self.left_s or self.left_s <= 0:
            note = f"needs about {one.cost_s:.0f} s, and {max(self.left_s, 0):.0f} s are left"
            return self.add(one.part, one.what, "skipped", note=note)
        try:
            with ended_after(self.left_s):
                for figure in one.figures():
                    self.add(one.part, one.what, *figure)
        except OutOfTimeError:
            self.add(one.part, one.what, "cut short", note="the time is over")
        except Exception as error:  # what fails must not cost the figures of all others
            traceback.print_exc()
            self.add(one.part, one.what, "failed", note=f"{type(error).__name__}: {error}".splitlines()[0])


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Raises OutOfTimeError within it once the seconds are over."""

    def end(*_: object) -> None:
        raise OutOfTimeError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def compared(scenario: Scenario, device: torch.device) -> Iterator[Figure]:
    """Part 1."""
    expected = run(scenario, torch.device("cpu"), nullcontext)
    try:
        found = run(scenario, device, lambda: waits_heeded(device, "error"))
    except RuntimeError as error:
        if "synchronizing" not in str(error):
            raise
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = run(scenario, device, lambda: waits_heeded(device, "warn"))
        waits = [warning for warning in told if "synchronizing" in str(warning.message)]
        yield "waits", len(waits), f"first: {Path(waits[0].filename).name}:{waits[0].lineno}" if waits else ""
    yield "difference", difference(on_cpu(expected), on_cpu(found)), "root mean square"


def run(scenario: Scenario, device: torch.device, step: Callable[[], Any]) -> Any:
    with TemporaryDirectory() as folder:
        return scenario(device, step, Path(folder))


@contextmanager
def waits_heeded(device: torch.device, mode: str) -> Iterator[None]:
    """Within it torch raises, or warns, where the host waits for the GPU."""
    if device.type != "cuda":
        yield
        return
    torch.cuda.set_sync_debug_mode(mode)
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def repeated(name: str, device: torch.device, small: bool) -> Iterator[Figure]:
    """Part 2."""

    def result(resumed: bool) -> Any:
        work, first = begun(name, device, small)
        for index in range(first, first + 4):
            if resumed and index == first + 2:
                with TemporaryDirectory() as folder:
                    state = saved(work.state_dict(), Path(folder))
                work, _ = begun(name, device, small)
                work.load_state_dict(state)
            work.step(index)
        return on_cpu(work.state_dict())

    expected = result(False)
    yield "twice", str(alike(expected, result(False))), "equal bits"
    yield "resumed", str(alike(expected, result(True))), "equal bits"


def step_seconds(name: str, device: torch.device, small: bool) -> float:
    """Median of the steps of a loop at its usual size."""
    work, index = begun(name, device, small)
    return median_seconds(lambda number: work.step(index + number), device, small)


def median_seconds(step: Callable[[int], Any], device: torch.device, small: bool) -> float:
    warm, counted, times = (1, 2, []) if small else (4, 12, [])
    for number in range(warm + counted):
        begun_at = time.perf_counter()
        step(number)
        synchronize(device)
        times.append(time.perf_counter() - begun_at)
    return statistics.median(times[warm:])


def switched(name: str, device: torch.device, small: bool) -> Iterator[Figure]:
    """Part 3: of a loop."""
    plain = step_seconds(name, device, small)
    yield "step", plain, "s"
    deterministic, cudnn, matmul = torch.utils.deterministic, torch.backends.cudnn, torch.backends.cuda.matmul
    with ExitStack() as back:
        back.callback(setattr, deterministic, "fill_uninitialized_memory", deterministic.fill_uninitialized_memory)
        deterministic.fill_uninitialized_memory = True
        yield "filled memory", step_seconds(name, device, small) / plain, "of the time without"
    with ExitStack() as back:
        for where in (cudnn, matmul):
            back.callback(setattr, where, "allow_tf32", where.allow_tf32)
            where.allow_tf32 = True
        yield "TF32", step_seconds(name, device, small) / plain, "of the time without"


def laid_out(precision: torch.dtype, device: torch.device, small: bool) -> Iterator[Figure]:
    """Part 3: the passes of a ResNet-20, forward and backward to all weights."""
    seconds = []
    for layout in (torch.contiguous_format, torch.channels_last):
        network: nn.Module = cifar_resnet(8 if small else 20).to(device).to(memory_format=layout)
        x = torch.randn(4 if small else 256, 3, 32, 32, device=device).contiguous(memory_format=layout)

        def step(number: int, network: nn.Module = network, x: torch.Tensor = x) -> None:
            with torch.autocast(device.type, torch.bfloat16, enabled=precision is torch.bfloat16):
                loss = network(x).float().square().mean()
            loss.backward()

        seconds.append(median_seconds(step, device, small))
    yield "channels last", seconds[1] / seconds[0], "of the time of NCHW"


def inverted(mode: str, batch: int, device: torch.device, small: bool) -> Iterator[Figure]:
    """Part 4."""
    task = "resnet8_16px" if small else "resnet20_32px"
    figures = measured(task, mode, batch, device, 2 if small else 20, limit=False)
    for name, unit in (("step_s", "s"), ("first_s", "s"), ("peak_gb", "GB")):
        if name in figures:
            yield name, figures[name], unit


def busy(name: str, device: torch.device, small: bool) -> Iterator[Figure]:
    """Part 5."""
    kind = torch.profiler.ProfilerActivity.CUDA if device.type == "cuda" else torch.profiler.ProfilerActivity.CPU
    work, index = begun(name, device, small)
    step_s = median_seconds(lambda number: work.step(index + number), device, small)
    yield "step", step_s, "s"
    steps = 2
    with torch.profiler.profile(activities=[kind]) as profile:
        for number in range(steps):
            work.step(index + 16 + number)  # the first 16 were timed
        synchronize(device)
    events = profile.events() or []
    yield "launches", sum("Launch" in event.name for event in events) / steps, "a step"
    spans = [
        (event.time_range.start, event.time_range.end)
        for event in events
        if event.device_type == DeviceType.CUDA and not getattr(event, "is_user_annotation", False)
    ]
    yield "busy", covered(spans) * 1e-6 / steps / step_s, "of the time of a step"  # timed without the profiler


def covered(spans: list[tuple[float, float]]) -> float:
    """The length of a union of intervals."""
    total, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def student(table: Table, options: argparse.Namespace, device: torch.device) -> Iterator[Figure]:
    """Part 6."""
    data = Path(os.environ.get("DFNAS_DATA", "")) / "cifar10" / "cifar10.npz"
    found = None if options.small or not data.is_file() else data
    yield "images", data.name if found else "random", ""

    def told(what: str, figures: dict[str, Any]) -> None:
        name, value = ("test", figures["test"]) if "test" in figures else next(iter(figures.items()))
        note = ", ".join(f"{other} {number}" for other, number in figures.items() if other != name)
        table.add("6 student", what, name, value, note=note)

    prepared(found, options.out.with_suffix(""), device, {}, told, 0.9 * table.left_s, options.small).run()


def measurements(table: Table, options: argparse.Namespace, device: torch.device) -> list[Measurement]:
    """All, the cheapest first."""
    small, made = options.small, []
    for name in SMALL_SCENARIOS if small else SCENARIOS:
        cost = 20 if name.startswith("darts, ") else 8 if name.startswith(("darts", "proxyless", "fresh")) else 4
        made.append(Measurement("1 right", name, cost, lambda name=name: compared(SCENARIOS[name], device)))
    for name in SIZES:
        made.append(Measurement("2 repeatable", name, 15, lambda name=name: repeated(name, device, small)))
        made.append(Measurement("5 busy", name, 15, lambda name=name: busy(name, device, small)))
    for name in ("inversion", "retraining"):
        made.append(Measurement("3 switches", name, 12, lambda name=name: switched(name, device, small)))
    for kind in (torch.float32, torch.bfloat16):
        what = f"ResNet-20, {str(kind).removeprefix('torch.')}"
        made.append(Measurement("3 switches", what, 5, lambda kind=kind: laid_out(kind, device, small)))
    for mode, (_, compiled, _) in MODES.items():
        for batch in (2, 3) if small else (256, 4096):
            cost, what = 70 if compiled else 6, f"{mode}, batch {batch}"
            measure = lambda mode=mode, batch=batch: inverted(mode, batch, device, small)  # noqa: E731
            made.append(Measurement("4 inversion", what, cost, measure))
    made.append(Measurement("6 student", "ResNet-18", STUDENT_LEAST_S, lambda: student(table, options, device)))
    made.sort(key=lambda one: (one.part == "6 student", one.cost_s))
    return [one._replace(cost_s=0) for one in made] if small else made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=780, help="time for everything")
    parser.add_argument("--parts", default="123456", help="digits of those wanted")
    parser.add_argument("--small", action="store_true", help="tiny sizes and few loops: does it run at all")
    parser.add_argument("--out", type=Path, required=True, help="CSV; what the student leaves goes beside it")
    options = parser.parse_args()
    table = Table(options.out, options.seconds)
    with ExitStack() as held:
        device = prepare(options.device, 1, held)
        table.add("0 machine", device_name(device), "torch", str(torch.__version__))
        for one in measurements(table, options, device):
            if one.part[0] in options.parts:
                table.measure(one)


if __name__ == "__main__":
    main()
