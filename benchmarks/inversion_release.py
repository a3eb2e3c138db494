"""Our inversion beside the loop of the paper's release: ResNet-50, 224 px, batch 50, full resolution.

The release's own file runs from a checkout that you bring (github.com/liuzechun/Data-Free-NAS); its words for the
device and its numbers of iterations are replaced. Every loop runs in a process of its own, which reports its peak
memory; rounds take the loops in turn. Weights are random: neither time nor memory depends on them.

    python benchmarks/inversion_release.py --peer /path/to/Data-Free-NAS
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
import types
from itertools import pairwise
from pathlib import Path

import torch
from torchvision.models import resnet50

from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.synthesis.inversion import Inversion
from dfnas.synthesis.inversion_targets import first_targets
from dfnas.synthesis.objective import Objective

BATCH, SIDE = 50, 224
LOOPS = {  # ours: precision and compile
    "release": None,
    "floor": None,
    "ours float32": ("float32", "never"),
    "ours float32, compiled": ("float32", "always"),
    "ours bfloat16": ("bfloat16", "never"),
    "ours bfloat16, compiled": ("bfloat16", "always"),
}


def release_times(checkout: Path, iterations: int) -> list[float]:
    """Seconds of each iteration of the release's `get_images`, in its second stage."""
    folder = checkout / "Image_Synthesis"
    text = (folder / "train.py").read_text()
    for old, new in {
        "'cuda'": "'cpu'",
        ".cuda()": "",
        "range(0, 1000, batch_size)": "range(0, batch_size, batch_size)",
        "iterations_per_layer = 2000": "iterations_per_layer = 0",
        "iterations_per_layer = 3000": f"iterations_per_layer = {iterations}",
        "                # clip color outlayers\n": "                note()\n",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    sys.path.insert(0, str(folder))
    sys.argv = ["train.py"]
    module = types.ModuleType("release")
    exec(compile(text, "train.py", "exec"), module.__dict__)
    ticks = [time.perf_counter()]
    module.note = lambda: ticks.append(time.perf_counter())
    arguments = argparse.Namespace(
        batch_size=BATCH,
        lr=0.25,
        first_bn_multiplier=10.0,
        tv_l1=0.0,
        tv_l2=1e-4,
        r_feature=0.01,
        l2_scale=1e-5,
        main_loss_multiplier=1.0,
        store_best_images=False,
    )
    teacher = torch.nn.DataParallel(module.build_resnet("resnet50", "classic", 1000, verbose=False)).eval()
    criterion = torch.nn.CrossEntropyLoss()
    module.get_images(0, 0, arguments, teacher, teacher, criterion, None, None)
    return [after - before for before, after in pairwise(ticks)]


def our_times(precision: str, compile: str, iterations: int) -> list[float]:
    """Seconds of each step of ours with the publication's settings; those of compiling count to the first."""
    settings = InvertTeacherSettings.parse({"stages": [{"steps": 3000}], "precision": precision, "compile": compile})
    spec = TeacherSpec(
        builder="-", classes=1000, size=(SIDE, SIDE), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    )
    objective = Objective(Teacher(spec, resnet50()), settings)
    begun = time.perf_counter()
    run = Inversion(objective, first_targets(settings, 0, 1000)[1], 0, 0)
    seconds = [_timed(lambda: run.advance(1)) for _ in range(iterations)]
    return [time.perf_counter() - begun - sum(seconds[1:]), *seconds[1:]]


def floor_times(iterations: int) -> list[float]:
    """Seconds of a bare forward pass and backward pass to the input: frozen weights, channels-last, float32."""
    network = resnet50().eval().requires_grad_(False).to(memory_format=torch.channels_last)
    x = torch.randn(BATCH, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last).requires_grad_()
    return [_timed(lambda: torch.autograd.grad(network(x).sum(), x)) for _ in range(iterations)]


def _timed(work) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def child(options: argparse.Namespace) -> None:
    """One loop: seconds per iteration after the first, and the process's peak memory."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    at_rest_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    count = options.iterations + 1
    if options.only == "release":
        times = release_times(options.peer.resolve(), count)
    elif options.only == "floor":
        times = floor_times(count)
    else:
        times = our_times(*LOOPS[options.only], count)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    figures = {"first_s": times[0], "seconds": times[1:], "peak_gb": peak_gb, "at_rest_gb": at_rest_gb}
    print(json.dumps(figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", type=Path, required=True, help="checkout of the release")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--iterations", type=int, default=2, help="timed iterations of a process, after its first")
    parser.add_argument("--rounds", type=int, default=2, help="processes of each loop")
    parser.add_argument("--only", choices=LOOPS, help="this loop alone, its figures as JSON")
    options = parser.parse_args()
    if options.only:
        return child(options)
    runs: dict[str, list[dict]] = {name: [] for name in LOOPS}
    for _ in range(options.rounds):
        for name in LOOPS:
            command = [sys.executable, __file__, *sys.argv[1:], "--only", name]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            runs[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"{name}: {done.stdout.splitlines()[-1]}", file=sys.stderr, flush=True)
    print(f"torch {torch.__version__}, {options.threads} threads, ResNet-50, batch {BATCH}, {SIDE} px")
    print("| loop | seconds an iteration | first | release / it | floor / it | peak GB | of the release's |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    seconds = {name: statistics.median(t for run in parts for t in run["seconds"]) for name, parts in runs.items()}
    peaks = {name: max(run["peak_gb"] for run in parts) for name, parts in runs.items()}
    for name, parts in runs.items():
        ratios = f"{seconds['release'] / seconds[name]:.2f} | {seconds['floor'] / seconds[name]:.2f}"
        memory = f"{peaks[name]:.2f} | {peaks[name] / peaks['release']:.2f}"
        print(f"| {name} | {seconds[name]:.2f} | {parts[0]['first_s']:.1f} | {ratios} | {memory} |")
    print(f"a process with torch loaded takes {runs['floor'][0]['at_rest_gb']:.2f} GB")


if __name__ == "__main__":
    main()
