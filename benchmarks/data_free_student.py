"""What a student learns from synthetic images and the teacher alone, beside one that learns from as many real images.

    python benchmarks/data_free_student.py --data results/nasbench201/dataset/synthetic.h5 --out student.csv

The data set is that of workflow/presets/nasbench201.yaml, of the ResNet-20 of DFNAS_DATA, or another of its `sources`:
images that began as dead leaves are those of {leaves: {invert_teacher: {start: leaves, lr: 0.1}}}. Every row trains the
same student from the same seed for the same number of steps on the data set's training images:

    stored          the labels that the teacher gave the stored images
    stored, T = 20  the same at a higher temperature, the loss times T²
    teacher         the teacher's labels of each view
    T = 4, T = 20   these at a higher temperature (near the end of that road lies a squared error
                    of logits: Kim et al. 2021, "Comparing Kullback-Leibler Divergence and Mean Squared Error Loss")
    without T²      T = 4 without that factor
    batch           T = 20, by a teacher whose BatchNorms take each batch's own statistics
    cutout          T = 20, with a square of 16 pixels cut out of every view
    mixup, cutmix   T = 20, views mixed with each other before the teacher is asked
    both            each batch with one of the two
    both, batch     and these labelled by that teacher
    cutout, both    and squares cut out of all
    fresh           T = 20, and after every --fresh epochs a batch of new images in place of the oldest
    competing       the same, of images that the teacher knows and the student does not
    real            as many real images, with their own labels
    real, teacher   these images, with the teacher's labels of each view at T = 20

Crops are taken of what is stored: of synthetic images a canvas that is `canvas_margin` larger than the real ones.
Settings are to be chosen by `held_out`, the share of held-out synthetic images on which student and teacher, by its
stored statistics, agree; `test` and `test_agreement` are measured on the real test images. The other columns are the
test accuracy with BatchNorm statistics computed anew: of the plain training images, of augmented views, and of the test
images themselves, which shows what the statistics could be worth at most. Student and teacher compute in bfloat16.
`seconds` are of this process, on one thread. Finished rows of an existing CSV are kept.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cifar_teachers import cifar_teacher, preset_inversion, real_set
from inversion_ablation import real_images
from rows import add_rows
from torch import nn

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.augment import plain_view
from dfnas.dataset.batch_targets import labels_of
from dfnas.dataset.images import ImageSet, load_split
from dfnas.dataset.split import limited
from dfnas.measure.accuracy import error_rate, predict
from dfnas.runtime.seeds import reseed
from dfnas.search.recalibration import recalibrate
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.training import RetrainSettings
from dfnas.synthesis.fresh_images import WithFreshImages
from dfnas.training.training import Training

TEACHER = {"labels": "teacher"}
BATCH = {"temperature": 20, "teacher_statistics": "batch"}
CUTOUT = {"pad": 4, "flip": True, "cutout": 16}
ROWS: dict[str, dict[str, Any]] = {
    "stored": {},
    "stored, T = 20": {"temperature": 20},
    "teacher": TEACHER,
    "T = 4": TEACHER | {"temperature": 4},
    "T = 20": TEACHER | {"temperature": 20},
    "without T²": TEACHER | {"temperature": 4},
    "batch": TEACHER | BATCH,
    "cutout": TEACHER | {"temperature": 20, "augmentation": CUTOUT},
    "mixup": TEACHER | {"temperature": 20, "mixup": 1.0},
    "cutmix": TEACHER | {"temperature": 20, "cutmix": 1.0},
    "both": TEACHER | {"temperature": 20, "mixup": 1.0, "cutmix": 1.0},
    "both, batch": TEACHER | BATCH | {"mixup": 1.0, "cutmix": 1.0},
    "cutout, both": TEACHER | {"temperature": 20, "mixup": 1.0, "cutmix": 1.0, "augmentation": CUTOUT},
    "fresh": TEACHER | {"temperature": 20, "fresh": {}},
    "competing": TEACHER | {"temperature": 20, "fresh": {"competition_weight": 10.0}},
    "real": {},
    "real, teacher": TEACHER | {"temperature": 20},
}
COLUMNS = (
    "row", "seed", "images", "steps", "seconds", "held_out", "test", "test_agreement",
    "test_plain_statistics", "test_view_statistics", "test_own_statistics",
)  # fmt: skip


class InBfloat16(nn.Module):
    """A network whose forward pass computes in bfloat16; logits are float32."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        with torch.autocast(views.device.type, torch.bfloat16):
            return self.network(views).float()


def asked_teacher() -> Teacher:
    """The teacher that students ask, in bfloat16."""
    teacher = cifar_teacher(20)
    teacher.network = InBfloat16(teacher.network).eval()  # not its inner network alone: `predict` puts modes back
    return teacher


def add_student_options(parser: argparse.ArgumentParser) -> None:
    """What `trained` reads of the options, but for --fresh."""
    parser.add_argument("--depth", type=int, default=8, help="layers of the student, a CIFAR ResNet")
    parser.add_argument("--steps", type=int, default=1000, help="training steps of the student")
    parser.add_argument("--batch", type=int, default=64, help="images of a step")


def as_many_real(count: int, teacher: Teacher) -> ImageSet:
    """Training images of CIFAR-10, evenly over the classes, with their labels."""
    with np.load(Path(os.environ["DFNAS_DATA"]) / "cifar10" / "cifar10.npz") as archive:
        chosen = limited(archive["y_train"], count, 0)
        return real_set(archive["x_train"][chosen], archive["y_train"][chosen], teacher)


def trained(row: str, train: ImageSet, teacher: Teacher, options: argparse.Namespace, seed: int) -> Training:
    """The training of a row, done."""
    recipe = {"lr": 0.1, "nesterov": True, "weight_decay": 5e-4, "warmup_epochs": 1}
    recipe |= {"batch_size": options.batch, "augmentation": {"pad": 4, "flip": True}}
    recipe["epochs"] = max(2, round(options.steps * options.batch / len(train)))
    settings = RetrainSettings.parse(recipe | ROWS[row])
    if "fresh" in ROWS[row]:
        fresh = settings.fresh.model_copy(update={"every_epochs": options.fresh})
        settings = settings.model_copy(update={"fresh": fresh})
    reseed(seed, "student")
    student, labels = InBfloat16(cifar_resnet(options.depth)), labels_of(train, settings, teacher)
    held_out = train.subset(torch.arange(16))
    training = Training(student, train, held_out, settings, seed, labels=labels, temperature=settings.temperature)
    if row == "without T²":
        training.descent.factor = 1.0
    work = training
    if settings.fresh.every_epochs:
        inversion = InvertTeacherSettings.parse(preset_inversion())
        work = WithFreshImages(training, teacher, inversion, settings.fresh)
    for step in range(work.steps):
        work.step(step)
    return training


def judged(training: Training, teacher: Teacher, held_out: ImageSet, test: ImageSet) -> dict[str, float]:
    """The figures of a student. Its BatchNorm statistics are lost."""
    student, train = training.network.eval(), training.batches.data

    def agreement(data: ImageSet) -> float:
        same = predict(student, data, 256).argmax(1) == predict(teacher.network, data, 256).argmax(1)
        return same.double().mean().item()

    def accuracy() -> float:
        return 1 - error_rate(predict(student, test, 256), test.targets)

    figures = {"held_out": agreement(held_out), "test": accuracy(), "test_agreement": agreement(test)}
    for name, views in {
        "plain": (plain_view(train, images) for images in train.images.split(256)),
        "view": (training.batches.views(step) for step in range(training.batches.per_pass)),
        "own": (plain_view(test, images) for images in test.images.split(256)),
    }.items():
        recalibrate(student, views)
        figures[f"test_{name}_statistics"] = accuracy()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a synthetic data set of the ResNet-20, HDF5")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    add_student_options(parser)
    parser.add_argument("--fresh", type=int, default=3, help="epochs between new images, where a row has them")
    parser.add_argument("--out", type=Path, required=True, help="CSV; rows that it has already are not made again")
    options = parser.parse_args()
    torch.set_num_threads(1)
    teacher = asked_teacher()
    test, _ = real_images(teacher)
    train, held_out = (load_split(options.data, split, torch.device("cpu")) for split in ("train", "validation"))

    def measure(row: str, seed: int) -> dict[str, Any]:
        # Of its own: fresh images take the place of others.
        images = (
            as_many_real(len(train), teacher) if row.startswith("real") else replace(train, stored=train.images.clone())
        )
        begun = time.process_time()
        training = trained(row, images, teacher, options, seed)
        seconds = round(time.process_time() - begun)
        figures = judged(training, teacher, held_out, test)
        return {
            "images": len(images),
            "steps": training.steps,
            "seconds": seconds,
            **{name: f"{value:.4f}" for name, value in figures.items()},
        }

    add_rows(options.out, COLUMNS, options.rows, options.seeds, measure)


if __name__ == "__main__":
    main()
