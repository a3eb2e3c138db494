"""Peak memory of the inversion: against the bare teacher, and over the number of images.

    python benchmarks/inversion_memory.py

Each figure is the peak resident memory of a process of its own (a CIFAR ResNet-20, batch 256, 32 px, float32; random
weights). `bare` runs a forward pass and a backward pass to the input, weights frozen, channels-last. The others run the
stage `invert_teacher`, of which a job makes one shard of one generation.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from dfnas.artifacts.teacher import save_teacher
from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.stages.invert_teacher import STAGE, invert_teacher

BATCH, STEPS = 256, 4


def bare() -> None:
    network = cifar_resnet(20).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    x = torch.randn(BATCH, 3, 32, 32).contiguous(memory_format=torch.channels_last).requires_grad_()
    for _ in range(STEPS):
        torch.autograd.grad(network(x).sum(), x)


def inverted(batches: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        spec = TeacherSpec(arguments={"depth": 20}, mean=(0.5,) * 3, std=(0.25,) * 3)
        network = cifar_resnet(20)
        network(torch.rand(16, 3, 32, 32))  # BatchNorms that have seen no image are refused
        save_teacher(folder / "teacher.pt", spec, network.state_dict(), {})
        place = ["--generation", "0", "--first-batch", "0", "--batches", str(batches)]
        files = ["--teacher", "teacher.pt", "--out", "shard.h5", "--history", "shard.csv"]
        files = [part if part.startswith("--") else str(folder / part) for part in files]
        stages = json.dumps([{"downscale": 1, "steps": STEPS}])
        sizes = ["--batch-size", str(BATCH), "--stages", stages, "--warmup-steps", "1", "--canvas-margin", "4"]
        assert STAGE.main(invert_teacher, [*place, *files, *sizes, "--device", "cpu"]) == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="bare, rest, or a number of batches")
    options = parser.parse_args()
    if options.only:
        torch.set_num_threads(1)
        if options.only == "bare":
            bare()
        elif options.only != "rest":
            inverted(int(options.only))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10)
        return
    peaks = {}
    for what in ("rest", "bare", "1", "4", "16"):
        done = subprocess.run([sys.executable, __file__, "--only", what], capture_output=True, text=True, check=True)
        peaks[what] = float(done.stdout.split()[-1])
    print("| process | images | peak MB | without what it takes at rest | of the bare teacher's |")
    print("| --- | --: | --: | --: | --: |")
    for what, peak in peaks.items():
        images = BATCH * int(what) if what.isdigit() else BATCH if what == "bare" else 0
        name = "invert_teacher" if what.isdigit() else what
        above = peak - peaks["rest"]
        ratio = f"{peak / peaks['bare']:.2f}"
        print(f"| {name} | {images} | {peak:.0f} | {above:.0f} | {ratio} |")


if __name__ == "__main__":
    main()
