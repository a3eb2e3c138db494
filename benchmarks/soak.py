"""Memory and open files of the loops over time: synthesis and each search, step after step, with checkpoints.

    python benchmarks/soak.py --seconds 60

Each loop runs as its stage runs it, on small images and one CPU thread, and begins anew when it has come to its end, so
that what one leaves behind shows as well. A line has the resident set and the open files after so many steps; the last
lines have what has been added since the warm-up, the first fifth of the steps.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from dfnas.classifiers.assembly import assemble, build_network
from dfnas.classifiers.description import TeacherSpec
from dfnas.dataset.images import ImageSet
from dfnas.runtime import checkpoint as checkpoints
from dfnas.runtime.checkpoint import Checkpoint
from dfnas.runtime.memory import keep_freed_memory
from dfnas.runtime.resumable import Resumable, run
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.search.darts import DartsSupernet
from dfnas.search.proxyless import ProxylessSupernet
from dfnas.search.spos import SposSupernet
from dfnas.settings.invert_teacher import InvertTeacherSettings, ResolutionStage
from dfnas.settings.search import BudgetSettings, SpaceSettings
from dfnas.settings.search_darts import SearchDartsSettings
from dfnas.settings.search_proxyless import SearchProxylessSettings
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.synthesis.objective import Objective
from dfnas.synthesis.sequence import InversionSequence

CLASSES, SIDE, BATCH = 10, 8, 16
CPU = torch.device("cpu")
CELLS = {"channels": 4, "cells_per_stage": 1}
CHAIN = {"stem_width": 4, "widths": [8], "depths": [2], "strides": [2], "last_width": 16}


def images(count: int) -> ImageSet:
    """Noise with soft labels."""
    targets = torch.arange(count) % CLASSES
    labels = torch.nn.functional.one_hot(targets, CLASSES).float() * 0.9 + 0.1 / CLASSES
    pixels = torch.randint(0, 256, (count, 1, SIDE + 2, SIDE + 2), dtype=torch.uint8)
    return ImageSet(pixels, labels, targets, (SIDE, SIDE), (0.5,), (0.25,))


def context(name: str, options: dict) -> tuple[SpaceSettings, SearchContext]:
    space = make(name, Task(1, (SIDE, SIDE), CLASSES), options)
    return SpaceSettings(name=name, options=options), SearchContext(
        space, images(128), images(64), 0, Budget(space, BudgetSettings(), None)
    )


def synthesis(checkpoint: Checkpoint) -> Resumable:
    spec = TeacherSpec(
        arguments={"depth": 8, "widths": [4, 8, 8], "channels": 1, "classes": CLASSES},
        classes=CLASSES,
        channels=1,
        size=SIDE,
        mean=(0.5,),
        std=(0.25,),
    )
    teacher = assemble(spec, build_network(spec, "teacher").state_dict(), "the teacher")
    stages = (ResolutionStage(downscale=2, steps=30), ResolutionStage(downscale=1, steps=30))
    settings = InvertTeacherSettings(batch_size=BATCH, stages=stages, warmup_steps=5, canvas_margin=2)
    targets = torch.eye(CLASSES)[torch.arange(2 * BATCH) % CLASSES]
    return InversionSequence(Objective(teacher, settings, None), targets, 0, range(2), checkpoint)


def darts(_: Checkpoint) -> Resumable:
    space, work = context("nasbench201", CELLS)
    return DartsSupernet(work, SearchDartsSettings(space=space, order=1, epochs=10, batch_size=BATCH))


def proxyless(_: Checkpoint) -> Resumable:
    space, work = context("mbconv", CHAIN | {"first_width": 4})
    return ProxylessSupernet(work, SearchProxylessSettings(space=space, epochs=10, warmup_epochs=2, batch_size=BATCH))


def spos(_: Checkpoint) -> Resumable:
    space, work = context("shufflenet", CHAIN)
    return SposSupernet(work, SearchSposSettings(space=space, steps=60, batch_size=BATCH))


LOOPS: dict[str, Callable[[Checkpoint], Resumable]] = {
    "synthesis": synthesis,
    "darts": darts,
    "proxyless": proxyless,
    "spos": spos,
}


class Counted:
    """A loop that says after each step that it was done, and ends when it is enough."""

    def __init__(self, work: Resumable, done: Callable[[], bool]):
        self._work, self._done, self.steps = work, done, work.steps

    def step(self, index: int):
        row = self._work.step(index)
        self.steps = index + 1 if self._done() else self._work.steps
        return row

    def state_dict(self):
        return self._work.state_dict()

    def load_state_dict(self, state) -> None:
        self._work.load_state_dict(state)


def now() -> tuple[float, int]:
    """Resident set in MB, and open files."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20, len(os.listdir("/proc/self/fd"))


def soak(name: str, enough: Callable[[int, float], bool], folder: Path) -> Iterator[tuple[int, float, float, int]]:
    """Steps, seconds, resident set in MB and open files of a loop over time."""
    begun, taken, samples = time.monotonic(), 0, []

    def done() -> bool:
        nonlocal taken
        taken += 1
        samples.append((taken, time.monotonic() - begun, *now()))
        return enough(taken, samples[-1][1])

    while not samples or not enough(taken, samples[-1][1]):
        checkpoint = Checkpoint(folder, {"loop": name, "from": taken})
        with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
            run(Counted(LOOPS[name](checkpoint), done), checkpoint, name)
        checkpoint.clear()
    yield from samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="of each loop")
    parser.add_argument("--steps", type=int, help="of each loop, instead")
    parser.add_argument("--lines", type=int, default=10, help="of each loop")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    checkpoints.INTERVAL_S = 0.05
    print(f"torch {torch.__version__}, {sys.platform}; one thread, {BATCH} images of {SIDE} x {SIDE} pixels a step")
    print("loop,step,seconds,resident_mb,open_files")
    grown = {}
    with TemporaryDirectory() as folder:
        for name in LOOPS:
            found = list(
                soak(
                    name,
                    lambda steps, seconds: steps >= options.steps if options.steps else seconds >= options.seconds,
                    Path(folder),
                )
            )
            for step, seconds, mb, files in found[:: max(1, len(found) // options.lines)]:
                print(f"{name},{step},{seconds:.1f},{mb:.1f},{files}", flush=True)
            warm, last = found[len(found) // 5], found[-1]
            grown[name] = (last[0] - warm[0], last[2] - warm[2], last[3] - warm[3])
    for name, (steps, mb, files) in grown.items():
        print(f"{name}: {mb:+.1f} MB and {files:+d} open files in {steps} steps")


if __name__ == "__main__":
    main()
