"""What a step of a student costs that asks its teacher about every view, by what either computes in.

    python benchmarks/label_precision.py --data results/nasbench201/dataset/synthetic.h5

A ResNet-8 and the ResNet-20 of DFNAS_DATA on one thread, batches of 64, the settings of data_free_student.py. The three
ways take turns in one process; figures are medians of process seconds over rounds of five steps.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from cifar_teachers import cifar_teacher

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.batch_targets import labels_of
from dfnas.dataset.images import ImageSet, load_split
from dfnas.settings.training import RetrainSettings
from dfnas.training.training import Training

WAYS = {
    "both in float32": ("float32", "float32"),
    "the student in bfloat16": ("bfloat16", "float32"),
    "both in bfloat16": ("bfloat16", "bfloat16"),
}
STEPS = 5


def training_of(train: ImageSet, teacher: Teacher, student: str, asked: str) -> Training:
    """A training whose student and teacher compute in these."""
    values = {"labels": "teacher", "temperature": 20.0, "teacher_statistics": "batch", "epochs": 10, "batch_size": 64}
    values |= {"augmentation": {"pad": 4, "flip": True}}
    settings = RetrainSettings.parse(values | {"precision": student})
    labels = labels_of(train, RetrainSettings.parse(values | {"precision": asked}), teacher)
    held_out = train.subset(torch.arange(16))
    return Training(cifar_resnet(8), train, held_out, settings, 0, labels=labels, temperature=settings.temperature)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a synthetic data set of the ResNet-20, HDF5")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    train, teacher = load_split(options.data, "train", torch.device("cpu")), cifar_teacher(20)
    trainings = {name: training_of(train, teacher, *way) for name, way in WAYS.items()}
    took: dict[str, list[float]] = {name: [] for name in WAYS}
    for first in range(0, options.rounds * STEPS, STEPS):
        for name, training in trainings.items():
            begun = time.process_time()
            for step in range(first, first + STEPS):
                training.step(step)
            took[name].append((time.process_time() - begun) / STEPS)
    base = statistics.median(took["both in float32"])
    for name, seconds in took.items():
        median = statistics.median(seconds)
        print(f"{name:24} {1e3 * median:6.1f} ms a step   {median / base:.2f}")


if __name__ == "__main__":
    main()
