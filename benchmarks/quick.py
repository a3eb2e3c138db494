"""Our training loop with the recipe `quick` beside cifar10-airbench's own: same network, batch and precision.

The peer's `main` runs as published, from a checkout of KellerJordan/cifar10-airbench that you bring
(legacy/airbench94.py): its loader, network, loss, optimiser and lookahead. A copy is changed only in its words for a
GPU and for float16, and its clock reports to us. Ours is `dfnas.training.Training` on the peer's network. Every loop
runs in a process of its own, rounds take the loops in turn, and what is timed are whole epochs of training after the
first. On a CPU seconds are those of the processor, which with one thread are what an idle machine takes: others may
run beside it.

    python benchmarks/quick.py --peer /path/to/cifar10-airbench
    python benchmarks/quick.py --peer /path/to/cifar10-airbench --precision bfloat16
    python benchmarks/quick.py --peer /path/to/cifar10-airbench --precision bfloat16 --device cuda --steps 48 --epochs 6
    python benchmarks/quick.py --peer /path/to/cifar10-airbench --precision bfloat16 --device cuda --data cifar10.npz \\
        --epochs 12 --rounds 5

Without --data both learn random images, and only their speed means anything. With --data, an archive of CIFAR-10 with
x_train, y_train, x_test and y_test (images uint8 (N, 32, 32, 3)), the accuracy on its test images and the seconds of
the training up to there are told as well: raise --epochs until ours has 94 %.

The bound is a step's convolutions alone, forward and backward, timed layer by layer on tensors of that precision.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import needed  # noqa: F401
import numpy as np
import torch
from search_peers import ported
from torch import nn
from torch.nn import functional as F

from dfnas.dataset.images import ImageSet
from dfnas.measure.accuracy import error_rate, predict
from dfnas.runtime.device import prepare, synchronize
from dfnas.settings.training import RetrainSettings
from dfnas.training.training import Training

MODULE = "legacy/airbench94.py"
BATCH, CLASSES = 1024, 10
Images = tuple[np.ndarray, np.ndarray]


class Clock:
    """Takes the place of the peer's CUDA events."""

    device = torch.device("cpu")
    laps: ClassVar[list[float]] = []

    def record(self) -> None:
        self.time = now(self.device)

    def elapsed_time(self, end: "Clock") -> float:
        self.laps.append(end.time - self.time)
        return 1000 * self.laps[-1]


def now(device: torch.device) -> float:
    synchronize(device)
    return time.process_time() if device.type == "cpu" else time.perf_counter()


def images(options: argparse.Namespace) -> tuple[Images, Images]:
    """Images (N, 32, 32, 3) uint8 and classes (N,), to learn from and to be judged by."""
    if options.data:
        with np.load(options.data) as archive:
            train, test = ((archive[f"x_{part}"], archive[f"y_{part}"].astype(np.int64)) for part in ("train", "test"))
        return train, test
    rng = np.random.default_rng(0)
    counts = (options.steps * options.batch, 16)
    sets = [(rng.integers(256, size=(n, 32, 32, 3), dtype=np.uint8), np.arange(n) % CLASSES) for n in counts]
    return sets[0], sets[1]


def replacements(options: argparse.Namespace) -> dict[str, dict[str, str]]:
    """What the peer calls a GPU and half precision, in our words."""
    device, kind = f'torch.device("{options.device}")', f"torch.{options.precision}"
    changes = {
        "net = net.half().cuda()": f"net = net.to({device}, {kind})",
        "(self.images.half() / 255)": f"(self.images.to({kind}) / 255)",
        "map_location=torch.device(gpu)": f"map_location={device}",
        "in (torch.half, torch.float)": "in (torch.half, torch.bfloat16, torch.float)",
        "torch.cuda.Event(enable_timing=True)": "Clock()",
        "torch.cuda.synchronize()": "pass",
    }
    return {MODULE: changes}


def load(options: argparse.Namespace, sets: tuple[Images, Images]) -> ModuleType:
    """The peer's module, with the images where it looks for them."""
    sys.path.insert(0, str(Path.cwd() / "legacy"))
    import airbench94 as peer  # ty: ignore

    Path("cifar10").mkdir()
    for name, (pixels, classes) in zip(("train", "test"), sets, strict=True):
        content = {"images": torch.from_numpy(pixels), "labels": torch.from_numpy(classes), "classes": []}
        torch.save(content, f"cifar10/{name}.pt")
    peer.Clock = Clock
    peer.hyp["opt"] |= {"batch_size": options.batch, "train_epochs": options.epochs}
    return peer


def run_peer(peer: ModuleType) -> dict[str, Any]:
    with open(os.devnull, "w") as nowhere:
        sys.stdout, shown = nowhere, sys.stdout
        accuracy = peer.main(0)
        sys.stdout = shown
    return {"laps": Clock.laps[1:-1], "accuracy": accuracy}  # without the whitening and the judgement


def run_ours(peer: ModuleType, sets: tuple[Images, Images], options: argparse.Namespace) -> dict[str, Any]:
    device, stored = Clock.device, []
    for pixels, classes in sets:
        targets = torch.from_numpy(classes)
        normalisation = tuple(peer.CIFAR_MEAN.tolist()), tuple(peer.CIFAR_STD.tolist())
        parts = torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.eye(CLASSES)[targets], targets
        stored.append(ImageSet(*(part.to(device) for part in parts), (32, 32), *normalisation))
    train, test = stored
    given = {"recipe": "quick", "epochs": options.epochs, "batch_size": options.batch, "precision": options.precision}
    torch.backends.cudnn.benchmark = False  # as `prepare` has it; the peer's module has turned it on
    network = peer.make_net().float()
    first = peer.CifarLoader("cifar10", train=True)
    peer.init_whitening_conv(network[0], first.normalize(first.images[:5000].float()))
    few = test.subset(torch.arange(16))  # judged in every epoch: so few that it costs nothing
    training = Training(network, train, few, RetrainSettings.parse(given), options.seed)
    per_epoch, laps = training.batches.per_epoch, []
    for epoch in range(options.epochs):
        begun = now(device)
        for place in range(per_epoch):
            training.step(epoch * per_epoch + place)
        laps.append(now(device) - begun)
    accuracy = 1 - error_rate(predict(training.result, test, 2000), test.targets)
    loader = peer.CifarLoader("cifar10", train=False, batch_size=2000)
    loader.images = loader.images.float()
    return {"laps": laps, "accuracy": peer.evaluate(training.result, loader, tta_level=2), "plain_accuracy": accuracy}


def child(options: argparse.Namespace) -> None:
    """One loop: seconds of each epoch, and the accuracy."""
    torch.manual_seed(options.seed)
    sets = images(options)
    with ExitStack() as held:
        if options.only == "ours":
            Clock.device = prepare(options.device, 1, held)
        else:
            torch.set_num_threads(1)
            Clock.device = torch.device(options.device)
        held.enter_context(ported(options.peer.resolve(), replacements(options)))
        peer = load(options, sets)
        found = run_peer(peer) if options.only == "peer" else run_ours(peer, sets, options)
        network = peer.make_net().float()
    steps = len(sets[0][0]) // options.batch
    seconds = [lap / steps for lap in found["laps"][1:]]
    bound = convolutions(network, options.batch, Clock.device, getattr(torch, options.precision))
    print(json.dumps({**found, "step_seconds": seconds, "bound_seconds": bound}))


def convolutions(network: nn.Module, batch: int, device: torch.device, kind: torch.dtype) -> float:
    """Seconds of a step's convolutions and of nothing else: forward, and backward to what wants a gradient."""
    shapes: dict[nn.Conv2d, tuple[int, ...]] = {}

    def note(layer: nn.Conv2d, inputs: tuple[torch.Tensor, ...]) -> None:
        shapes[layer] = tuple(inputs[0].shape[1:])

    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    network(torch.zeros(2, 3, 32, 32, device=device))
    for hook in hooks:
        hook.remove()
    total = 0.0
    for layer, shape in shapes.items():
        x, weight = torch.randn(batch, *shape, device=device, dtype=kind), layer.weight.detach().to(kind)
        x, weight = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (x, weight))
        padding = [(side - 1) // 2 if layer.padding == "same" else 0 for side in layer.kernel_size]
        grad = torch.ones_like(F.conv2d(x, weight, None, 1, padding))
        wanted = [layer is not layers[0], layer.weight.requires_grad, False]
        seconds = []
        for _ in range(3):
            begun = now(device)
            F.conv2d(x, weight, None, 1, padding)
            if any(wanted):
                torch.ops.aten.convolution_backward(
                    grad, x, weight, None, [1, 1], padding, [1, 1], False, [0, 0], 1, wanted
                )
            seconds.append(now(device) - begun)
        total += min(seconds)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", type=Path, required=True, help="checkout of cifar10-airbench")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--data", type=Path, help="CIFAR-10 as npz: tells accuracies as well")
    parser.add_argument("--batch", type=int, default=BATCH, help="images a step")
    parser.add_argument("--steps", type=int, default=3, help="steps of an epoch, without --data")
    parser.add_argument("--epochs", type=int, default=3, help="the first is not timed")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each loop, each with a seed of its own")
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument("--only", choices=("peer", "ours"), help="this loop alone, its figures as JSON")
    options = parser.parse_args()
    if options.only:
        return child(options)
    print(f"torch {torch.__version__}, {options.device}, {options.precision}, batch {options.batch}", flush=True)
    runs: dict[str, list[dict]] = {"peer": [], "ours": []}
    for turn in range(options.rounds):
        for loop, found in runs.items():
            command = [sys.executable, __file__, *sys.argv[1:], "--seed", str(options.seed + turn), "--only", loop]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
            print(f"{loop}: {done.stdout.splitlines()[-1]}", file=sys.stderr, flush=True)
    report(runs, bool(options.data))


def report(runs: dict[str, list[dict]], with_accuracy: bool) -> None:
    steps = {loop: [s for run in found for s in run["step_seconds"]] for loop, found in runs.items()}
    print("| loop | seconds a step (median, least) | times the peer's rate (median, least) |")
    print("| --- | --: | --: |")
    for loop, seconds in steps.items():
        median, least = (kind(steps["peer"]) / kind(seconds) for kind in (statistics.median, min))
        print(f"| {loop} | {statistics.median(seconds):.4f}, {min(seconds):.4f} | {median:.3f}, {least:.3f} |")
    bound = min(run["bound_seconds"] for found in runs.values() for run in found)
    print(f"bound: convolutions alone {bound:.4f} s a step, {bound / min(steps['ours']):.2f} of ours")
    if with_accuracy:
        for loop, found in runs.items():
            told = {name: [run[name] for run in found] for name in ("accuracy", "plain_accuracy") if name in found[0]}
            means = ", ".join(f"{name} {100 * statistics.mean(values):.2f} %" for name, values in told.items())
            print(f"{loop}: {means}, {statistics.median(sum(run['laps']) for run in found):.2f} s of training")


if __name__ == "__main__":
    main()
