"""Our search steps beside those of the published codes: same space, batch and precision, on the same core.

The peers' own code runs from checkouts that you bring, see search_peers.py. Every loop runs in a process of its own,
which reports its peak memory; rounds take the loops in turn. Seconds are those of the processor, which with one thread
are what an idle machine takes: others may run beside it.

    python benchmarks/search.py darts --order 1 --batch 16 --peer /path/to/quark0-darts
    python benchmarks/search.py spos-step                  --peer /path/to/SinglePathOneShot
    python benchmarks/search.py spos-candidate             --peer /path/to/SinglePathOneShot
    python benchmarks/search.py proxyless-weights          --peer /path/to/proxylessnas
    python benchmarks/search.py proxyless-architecture     --peer /path/to/proxylessnas
    python benchmarks/search.py small
    python benchmarks/search.py batches                    --dataset results/dataset/synthetic.h5

darts                   an architecture step and a weight step at the published size (C = 16, 8 cells, CIFAR)
spos-step               a step of the supernet, 224 px, batch 32, paths from bins of MACs
spos-candidate          recalibration on one batch of 64 and a test on one of 64, 224 px
proxyless-weights       a weight step, 224 px, batch 32
proxyless-architecture  an architecture step, 224 px, batch 32
small                   a step of SPOS on NAS-Bench-201 (8 channels, a cell a stage, 16 px, batch 128): milliseconds
batches                 images a second from memory, plain and augmented, and from an HDF5 file

The bound is the multiply-accumulates of the step's convolutions at the rate of a large float32 matrix product.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import search_peers as peers
import torch

from dfnas.dataset.batch_targets import StoredLabels
from dfnas.dataset.batches import Batches
from dfnas.dataset.images import ImageSet, load_split
from dfnas.runtime.device import prepare
from dfnas.runtime.seeds import generator
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.search.darts import DartsSupernet
from dfnas.search.proxyless import ProxylessSupernet
from dfnas.search.spos import SposSearch, SposSupernet
from dfnas.search.supernet import Trained
from dfnas.settings.search import BudgetSettings
from dfnas.settings.search_darts import SearchDartsSettings
from dfnas.settings.search_proxyless import SearchProxylessSettings
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.settings.training import AugmentationSettings
from dfnas.spaces.counting import count_slot_macs
from dfnas.spaces.darts import CellSpace
from dfnas.spaces.mbconv import MBConvSpace
from dfnas.spaces.nasbench201 import NASBench201Space
from dfnas.spaces.shufflenet import ShuffleNetSpace
from dfnas.spaces.space import Space, Task

SIDE, CLASSES, BATCH = 224, 1000, 32
CANDIDATE_BATCH = 64
BINS = {"low_m": 290, "high_m": 360, "width_m": 10}  # of SPOS, in millions of MACs
PARTS = ("darts", "spos-step", "spos-candidate", "proxyless-weights", "proxyless-architecture", "small", "batches")
Step = Callable[[int], object]


def images(count: int, side: int, classes: int) -> ImageSet:
    pixels = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)
    targets = torch.arange(count) % classes
    return ImageSet(pixels, torch.eye(classes)[targets], targets, (side, side), (0.5,) * 3, (0.25,) * 3)


def context(space: Space, data: ImageSet) -> SearchContext:
    return SearchContext(space, data, data, seed=0, budget=Budget(space, BudgetSettings()))


def darts(order: int, batch: int) -> Step:
    settings = {"space": {"name": "darts"}, "order": order, "batch_size": batch, "epochs": 10**6}
    data = images(2 * 64 * batch, 32, 10)  # no epoch ends among the timed steps
    return DartsSupernet(context(CellSpace(Task(3, 32, 10)), data), SearchDartsSettings.parse(settings)).step


def spos_settings(space: Space, batch: int, **changes) -> SearchSposSettings:
    named = {"name": type(space).__name__}  # for the record only
    return SearchSposSettings.parse({"space": named, "batch_size": batch, "label_smoothing": 0.1} | changes)


def spos(space: Space, data: ImageSet, batch: int, **changes) -> Step:
    return SposSupernet(context(space, data), spos_settings(space, batch, **changes)).step


def spos_candidate() -> Step:
    space = shufflenet()
    evolution = {"recalibration_batches": 1, "recalibration_batch_size": CANDIDATE_BATCH}
    settings = spos_settings(space, CANDIDATE_BATCH, evolution=evolution)
    data = images(CANDIDATE_BATCH, SIDE, CLASSES)
    search = SposSearch(context(space, data), settings, Trained(space.supernet(), {}, {"trained_images": 0}))
    architecture = {choice: space.choices[choice][option] for choice, option in zip(space.choices, path(), strict=True)}

    def judge(index: int) -> None:
        search.scores_by_path.clear()  # or it would not be judged again
        search.score(architecture)

    return judge


def proxyless() -> ProxylessSupernet:
    settings = {"space": {"name": "mbconv"}, "batch_size": BATCH, "arch_every": 1, "cost": {"form": "none"}}
    data = images(2 * BATCH, SIDE, CLASSES)
    return ProxylessSupernet(
        context(MBConvSpace(Task(3, SIDE, CLASSES)), data), SearchProxylessSettings.parse(settings)
    )


def shufflenet() -> ShuffleNetSpace:
    return ShuffleNetSpace(Task(3, SIDE, CLASSES))


def path() -> tuple[int, ...]:
    """The candidate that both evaluate: every option five times."""
    return tuple(i % 4 for i in range(20))


def our_step(options: argparse.Namespace) -> Step:
    """One step by its index."""
    match options.part:
        case "darts":
            return darts(options.order, options.batch)
        case "spos-step":
            return spos(shufflenet(), images(2 * BATCH, SIDE, CLASSES), BATCH, macs_bins=BINS)
        case "spos-candidate":
            return spos_candidate()
        case "proxyless-weights":
            search = proxyless()
            return lambda index: search._weight_step(index, generator(0, index))
        case "proxyless-architecture":
            search = proxyless()
            return lambda index: search._architecture_step(index, generator(0, index))
    space = NASBench201Space(Task(3, 16, 10), channels=8, cells_per_stage=1)
    return spos(space, images(40_000, 16, 10), 128, budget={"max_macs_m": 0})


def peer_step(options: argparse.Namespace) -> Step:
    checkout = options.peer.resolve()
    match options.part:
        case "darts":
            step = peers.darts_step(checkout, options.order, options.batch)
        case "spos-step":
            table = shufflenet().macs_table()
            fixed, rows = table.fixed, list(table.options.values())

            def macs(path: tuple[int, ...]) -> int:
                return fixed + sum(row[i] for row, i in zip(rows, path, strict=True))

            step = peers.spos_step(checkout, macs, BATCH, SIDE)
        case "spos-candidate":
            step = peers.spos_candidate(checkout, path(), (1, 1), CANDIDATE_BATCH, SIDE)
        case "proxyless-weights":
            step = peers.Proxyless(checkout, BATCH, SIDE).weight_step
        case _:
            step = peers.Proxyless(checkout, BATCH, SIDE).architecture_step()
    return lambda index: step()


def bound_gflop(options: argparse.Namespace) -> float:
    """Floating-point operations of a step's convolutions and linear layers, 2 for each multiply-accumulate.

    A pass is one of: forward, to the input, to the weights. An architecture step of DARTS has no third.
    """
    if options.part == "darts":
        supernet = CellSpace(Task(3, 32, 10)).supernet()
        fixed, table = count_slot_macs(supernet, 3, 32, 32)
        passes = 2 + 3 if options.order == 1 else 3 + 3 + 2 + 2 + 3
        return 2e-9 * passes * options.batch * (fixed + sum(map(sum, table.values())))
    small = options.part == "small"
    space = (
        NASBench201Space(Task(3, 16, 10), channels=8, cells_per_stage=1)
        if small
        else shufflenet()
        if "spos" in options.part
        else MBConvSpace(Task(3, SIDE, CLASSES))
    )
    table = space.macs_table()
    fixed = table.fixed
    chosen = sum(sum(row) / len(row) for row in table.options.values())  # of a uniform path
    if options.part == "spos-candidate":
        return 2e-9 * 2 * CANDIDATE_BATCH * (fixed + chosen)
    if options.part == "proxyless-architecture":  # two options forward, one back
        return 2e-9 * BATCH * (2 * fixed + 3 * chosen)
    return 2e-9 * 3 * (128 if small else BATCH) * (fixed + chosen)


def gemm_gflops(size: int = 1536, rounds: int = 5) -> float:
    """Rate of a float32 matrix product."""
    a = torch.randn(size, size)
    seconds = min(_timed(lambda: a @ a) for _ in range(rounds))
    return 2e-9 * size**3 / seconds


def batches(dataset: Path | None) -> None:
    """Images a second of everything that could hold up a step."""
    print("| images from | images a second |")
    print("| --- | --: |")
    for side, batch, classes, count in ((16, 128, 10, 40_000), (32, 64, 10, 40_000), (SIDE, 32, CLASSES, 320)):
        data = images(count, side, classes)
        views = {"plain": None, "flip, shift": AugmentationSettings(pad=side // 8)}
        views["flip, shift, cutout"] = AugmentationSettings(pad=side // 8, cutout=side // 2)
        for name, augmentation in views.items():
            source = Batches(data, batch, augmentation, StoredLabels(data), 0, "benchmark")
            number = max(1024 // batch, 8)
            seconds = min(_timed(lambda: [source[i] for i in range(number)]) for _ in range(3))  # noqa: B023
            print(f"| memory, {side} px, batch {batch}, {name} | {number * batch / seconds:,.0f} |", flush=True)
    if dataset:
        split = load_split(dataset, "train", torch.device("cpu"))
        seconds = min(_timed(lambda: load_split(dataset, "train", torch.device("cpu"))) for _ in range(3))
        print(f"| HDF5, {split.images.shape[2]} px, the whole split, once a search | {len(split) / seconds:,.0f} |")


def _timed(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def child(options: argparse.Namespace) -> None:
    """One loop: seconds of each step after the first, and the process's peak memory."""
    torch.manual_seed(0)
    if options.only == "ours":
        with ExitStack() as held:
            prepare("cpu", 1, held)
        step = our_step(options)
    else:
        torch.set_num_threads(1)
        step = peer_step(options)
    at_rest_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds = [_timed(lambda: step(index)) for index in range(options.steps + 1)]  # noqa: B023
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": seconds[1:], "peak_gb": peak_gb, "at_rest_gb": at_rest_gb}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--peer", type=Path, help="checkout of the published code; without it ours alone is timed")
    parser.add_argument("--dataset", type=Path, help="for batches: a data set of a finished run, in HDF5")
    parser.add_argument("--order", type=int, choices=(1, 2), default=1, help="of DARTS")
    parser.add_argument("--batch", type=int, default=16, help="images a step of DARTS")
    parser.add_argument("--steps", type=int, help="timed steps of a process, after its first (2; for small: 200)")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each loop")
    parser.add_argument("--only", choices=("peer", "ours"), help="this loop alone, its figures as JSON")
    options = parser.parse_args()
    options.steps = options.steps or (200 if options.part == "small" else 2)
    if options.only:
        return child(options)
    torch.set_num_threads(1)
    name = f"{options.part}, order {options.order}, batch {options.batch}" if options.part == "darts" else options.part
    print(f"torch {torch.__version__}, 1 thread, float32: {name}", flush=True)
    if options.part == "batches":
        return batches(options.dataset)
    loops = ("peer", "ours") if options.peer else ("ours",)
    runs: dict[str, list[dict]] = {loop: [] for loop in loops}
    rates = []
    for _ in range(options.rounds):
        for loop in loops:
            command = [sys.executable, __file__, *sys.argv[1:], "--only", loop]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
            runs[loop].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"{loop}: {done.stdout.splitlines()[-1]}", file=sys.stderr, flush=True)
        rates.append(gemm_gflops())
    rate, work = statistics.median(rates), bound_gflop(options)
    seconds = {loop: statistics.median(t for run in parts for t in run["seconds"]) for loop, parts in runs.items()}
    least = {loop: min(t for run in parts for t in run["seconds"]) for loop, parts in runs.items()}
    peaks = {loop: max(run["peak_gb"] for run in parts) for loop, parts in runs.items()}
    print("| loop | seconds a step (median, least) | times the peer's rate | peak GB | of the peer's |")
    print("| --- | --: | --: | --: | --: |")
    first = loops[0]
    for loop in loops:
        ratios = f"{seconds[first] / seconds[loop]:.2f}, {least[first] / least[loop]:.2f}"
        memory = f"{peaks[loop]:.2f} | {peaks[loop] / peaks[first]:.2f}"
        print(f"| {loop} | {seconds[loop]:.4f}, {least[loop]:.4f} | {ratios} | {memory} |")
    share = work / rate / seconds["ours"]
    print(f"bound: {work:.1f} GFLOP at {rate:.0f} GFLOP/s are {work / rate:.4f} s, {share:.2f} of ours")


if __name__ == "__main__":
    main()
