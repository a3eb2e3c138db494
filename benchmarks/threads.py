"""What a step of a student costs that asks its teacher about every view, by its threads, idle and busy machines apart.

    python benchmarks/threads.py --data my-project/results/dataset/synthetic.h5

The student and the batches of label_precision.py in float32, alone and beside a program on each core. Each line is a
process of its own; figures are medians of wall seconds.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from cifar_teachers import cifar_teacher
from label_precision import training_of

from dfnas.dataset.images import load_split
from dfnas.doctor.machine import this_machine

STEPS = 15


def measure(data: Path, threads: int) -> float:
    """Seconds of a step, of which the first two are not counted."""
    torch.set_num_threads(threads)
    training = training_of(load_split(data, "train", torch.device("cpu")), cifar_teacher(20), "float32", "float32")
    took = []
    for step in range(STEPS):
        begun = time.perf_counter()
        training.step(step)
        took.append(time.perf_counter() - begun)
    return statistics.median(took[2:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a synthetic data set of the ResNet-20, HDF5")
    parser.add_argument("--threads", type=int, help="one line alone: of this machine as it is")
    options = parser.parse_args()
    if options.threads:
        print(f"{1e3 * measure(options.data, options.threads):.1f}")
        return
    cores = this_machine().whole_cores
    for beside in (0, cores):
        others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(beside)]
        base = 0.0
        try:
            for threads in dict.fromkeys((1, cores)):
                line = [sys.executable, __file__, "--data", str(options.data), "--threads", str(threads)]
                took = float(subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout)
                base = base or took
                print(f"programs beside: {beside}, threads: {threads}  {took:7.1f} ms a step   {took / base:.2f}")
        finally:
            for other in others:
                other.kill()


if __name__ == "__main__":
    main()
