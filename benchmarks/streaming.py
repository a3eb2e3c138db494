"""Images a second that come from memory, from the host and from the file, against what a step takes; and the memory of
either way at ten times the images.

    python benchmarks/streaming.py > benchmarks/results/streaming.txt
    python benchmarks/streaming.py --device cuda

Every figure is of a process of its own, with one thread for torch: random images with labels of ten classes, stored
with a margin of an eighth, in shards of 50 MB; batches in random order, with crops and flips. Where they come from:
`memory` is that of the device, `host` that of the host as if it were another, on a CPU too. `step` is a step of a
ResNet-20 at 32 pixels and of a ResNet-18 of torchvision at 224, forward and backward, on batches from memory. Memory
is the most that the process has had, without what it had before it opened the data set. On a CPU seconds are those of
the processor, of all threads: on an idle machine the thread that reads ahead takes another core's.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.dataset.batch_targets import StoredLabels
from dfnas.dataset.batches import Batches
from dfnas.dataset.images import load_split
from dfnas.dataset.loading import VARIABLE
from dfnas.dataset.stored import OnHost, StoredImages
from dfnas.dataset.writing import Records, write_dataset, write_shard
from dfnas.runtime.device import prepare, synchronize
from dfnas.runtime.limits import held_mb
from dfnas.settings.training import AugmentationSettings

CLASSES, SHARD_BYTES = 10, 50e6
SIZES = {32: (128, 5_000), 224: (32, 400)}  # side: images a batch, images
WAYS = ("memory", "host", "file")


def written(folder: Path, side: int, count: int) -> Path:
    """A data set of random images, one of a class held out."""
    stored, rng = side + side // 8, np.random.default_rng(0)
    targets, shards = np.arange(count) % CLASSES, []
    attributes = {"size": [side, side], "mean": [0.5] * 3, "std": [0.25] * 3, "class_names": list("abcdefghij")}
    per_shard = int(SHARD_BYTES / (3 * stored**2))
    for first in range(0, count, per_shard):
        rows = targets[first : first + per_shard]
        shards.append(folder / f"{side}-{count}-{first}.h5")
        write_shard(
            shards[-1], rng.integers(256, size=(len(rows), 3, stored, stored), dtype=np.uint8), rows, attributes
        )
    split = (np.arange(count) < CLASSES).astype(np.uint8)
    records = Records(np.eye(CLASSES, dtype=np.float32)[targets], targets, np.zeros(count, np.int32), split)
    write_dataset(folder / f"{side}-{count}.h5", shards, records, attributes)
    return folder / f"{side}-{count}.h5"


def batches(path: Path, way: str, side: int, device: torch.device) -> Batches:
    os.environ[VARIABLE] = "0" if way == "file" else "1"
    data = load_split(path, "train", device)
    if way == "host":
        data = replace(data, stored=StoredImages(OnHost(data.images.cpu()), device))
    return Batches(data, SIZES[side][0], AugmentationSettings(pad=0), StoredLabels(data), 0, "benchmark")


def delivered(source: Batches, device: torch.device, seconds: float) -> float:
    """Images a second of one pass at least, and of all that follows in the seconds."""
    source[0]  # opens what there is to open
    begun, until, step = now(device), time.perf_counter() + seconds, 1
    while step < source.per_pass or time.perf_counter() < until:
        source[step]
        step += 1
    return (step - 1) * source.batch_size / (now(device) - begun)


def now(device: torch.device) -> float:
    synchronize(device)
    return time.process_time() if device.type == "cpu" else time.perf_counter()


def trained(source: Batches, side: int, device: torch.device, steps: int) -> float:
    """Images a second of a step, the least time of several."""
    if side == 32:
        network = cifar_resnet(20)
    else:
        from torchvision.models import resnet18

        network = resnet18(num_classes=CLASSES)
    network, times = network.to(device, memory_format=torch.channels_last), []
    for step in range(steps):
        views, targets = source[step]
        begun = now(device)
        F.cross_entropy(network(views), targets).backward()
        times.append(now(device) - begun)
    return source.batch_size / min(times[1:])


def child(options: argparse.Namespace) -> None:
    with ExitStack() as held:
        device = prepare(options.device, 1, held)
        before, side = held_mb(), options.side
        source = batches(options.data, "memory" if options.only == "step" else options.only, side, device)
        if options.only == "step":
            figures = {"rate": trained(source, side, device, 3)}
        else:
            figures = {"rate": delivered(source, device, options.seconds)}
        print(json.dumps(figures | {"mb": held_mb() - before}))


def measured(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Lines of the table."""
    yield "| side | images | MB of images | way | images a second | MB of memory |"
    yield "| --: | --: | --: | --- | --: | --: |"
    for side in options.sides:
        count = SIZES[side][1]
        for times in (1, 10):
            path = written(folder, side, times * count)
            for way in [*WAYS, *["step"] * (times == 1)]:
                arguments = ["--only", way, "--side", side, "--data", path, "--device", options.device]
                command = [sys.executable, __file__, *map(str, arguments), "--seconds", str(options.seconds)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found = json.loads(done.stdout.splitlines()[-1])
                size = times * count * 3 * (side + side // 8) ** 2 / 1e6
                memory = "" if way == "step" else found["mb"]
                yield f"| {side} | {times * count:,} | {size:,.0f} | {way} | {found['rate']:,.0f} | {memory} |"
            for each in folder.iterdir():
                each.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each way, one pass at least")
    parser.add_argument("--sides", type=int, nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--only", choices=(*WAYS, "step"), help="this one alone, its figures as JSON")
    parser.add_argument("--side", type=int, choices=SIZES, help="of the data set, with --only")
    parser.add_argument("--data", type=Path, help="a data set, with --only")
    options = parser.parse_args()
    if options.only:
        return child(options)
    print(f"torch {torch.__version__}, {options.device}, 1 thread", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for line in measured(options, Path(folder)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
