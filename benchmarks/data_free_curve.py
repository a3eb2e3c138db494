"""How accurate a student becomes without data in so many core-seconds, by how they are split.

    python benchmarks/data_free_curve.py --cache images --out curve.csv --rows "5120x60/3500" "2560x120/3500 cosine"

A row `NxI/S` makes N images with I steps of inversion each (a third of them at half the resolution; 0 leaves the dead
leaves as they begin) and trains the student for S steps. The ResNet-20 of DFNAS_DATA teaches, a ResNet-8 learns, both
on one thread and in bfloat16; images are made as by workflow/presets/nasbench201.yaml, but from leaves at `lr: 0.1`
and in a single generation. The student sees crops and mirror images, and the teacher's label of each at T = 20 by
each batch's own statistics. Its rate goes by `one_cycle` (0.3, nothing clipped) or, where the row says so, by
`cosine` (0.1, an epoch of warm-up).

Splits are to be chosen by `judge`, the share of 1,024 further synthetic images of 120 steps on which student and
teacher agree, the same for all rows, with seeds that a table does not use. `last` is the accuracy on the last 10,000
training images of CIFAR-10, which no data-free student has seen (standard error 0.45 points), `test` that on its test
images. Rows `real N/S` and `real asked N/S` learn from N of the first 40,000 training images with their classes, or the
teacher's labels of each view. Seconds are of this process: `images_s` of the synthesis, `student_s` of the training.
A batch of images that --cache holds already is counted with what it took.
"""

import argparse
import os
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cifar_teachers import CLASSES, SIZE, cifar_teacher, preset_inversion, real_set
from data_free_student import asked_teacher
from rows import add_rows

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.batch_targets import labels_of
from dfnas.dataset.images import ImageSet
from dfnas.dataset.split import limited
from dfnas.measure.accuracy import error_rate, predict
from dfnas.runtime.seeds import reseed
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.training import RetrainSettings
from dfnas.synthesis.inversion import Inversion, to_uint8
from dfnas.synthesis.inversion_targets import first_targets, soft_labels
from dfnas.synthesis.objective import Objective
from dfnas.training.training import Training

ROW = re.compile(r"(?:(\d+)x(\d+)|real( asked)? (\d+))/(\d+)(?: (one_cycle|cosine))?")
RATES: dict[str, dict[str, Any]] = {
    "one_cycle": {"schedule": "one_cycle", "lr": 0.3, "clip_norm": 0.0},
    "cosine": {"lr": 0.1, "warmup_epochs": 1},
}
JUDGE = {"images": 1024, "steps": 120, "seed": 1000}
LAST = 10_000
COLUMNS = ("row", "seed", "images_s", "student_s", "judge", "last", "test")


def batches(teacher: Teacher, images: int, steps: int, seed: int, cache: Path) -> tuple[ImageSet, float]:
    """Images from the teacher, with the seconds that they took to make."""
    half = steps // 3
    stages = [{"downscale": 2, "steps": half}, {"downscale": 1, "steps": steps - half}] if steps else []
    changes = {"start": "leaves", "lr": 0.1, "stages": stages, "seed": seed, "compile": "never"}
    changes["warmup_steps"] = min(10, steps // 6)
    settings = InvertTeacherSettings.parse(preset_inversion() | changes)
    objective, parts, seconds = Objective(teacher, settings), [], 0.0
    for batch in range(images // settings.batch_size):
        path = cache / f"{steps}-{seed}-{batch}.pt"
        if not path.exists():
            begun = time.process_time()
            targets = first_targets(settings, batch, CLASSES)[1]
            pixels = to_uint8(Inversion(objective, targets, 0, batch).run())
            torch.save({"pixels": pixels, "seconds": time.process_time() - begun}, path)
        kept = torch.load(path, weights_only=True)
        parts.append(kept["pixels"])
        seconds += kept["seconds"]
    pixels = torch.cat(parts)
    labels = soft_labels(teacher, pixels)
    return ImageSet(pixels, labels, labels.argmax(1), SIZE, teacher.spec.mean, teacher.spec.std), seconds


def cifar(teacher: Teacher) -> tuple[ImageSet, ImageSet, ImageSet]:
    """Real images to learn from, the last of the training images, and the test images."""
    with np.load(Path(os.environ["DFNAS_DATA"]) / "cifar10" / "cifar10.npz") as archive:
        x, y = archive["x_train"], archive["y_train"]
        pairs = [(x[:-LAST], y[:-LAST]), (x[-LAST:], y[-LAST:]), (archive["x_test"], archive["y_test"])]
    learnt, last, test = (real_set(*pair, teacher) for pair in pairs)
    return learnt, last, test


def trained(train: ImageSet, teacher: Teacher, steps: int, rates: str, asked: bool, seed: int) -> Training:
    """The student, with as many steps as whole epochs come next to."""
    recipe = {"batch_size": 64, "nesterov": True, "weight_decay": 5e-4, "precision": "bfloat16"}
    recipe |= {"augmentation": {"pad": 4, "flip": True}, "epochs": max(2, round(steps * 64 / len(train)))}
    if asked:
        recipe |= {"labels": "teacher", "temperature": 20.0, "teacher_statistics": "batch"}
    settings = RetrainSettings.parse(recipe | RATES[rates])
    reseed(seed, "student")
    labels, held_out = labels_of(train, settings, teacher), train.subset(torch.arange(16))
    student = cifar_resnet(8)
    training = Training(student, train, held_out, settings, seed, labels=labels, temperature=settings.temperature)
    for step in range(training.steps):
        training.step(step)
    return training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", required=True, metavar="NxI/S", help="see above")
    parser.add_argument("--seeds", type=int, nargs="+", default=[10], help="of images and students")
    parser.add_argument("--cache", type=Path, required=True, help="folder for images that are made")
    parser.add_argument("--out", type=Path, required=True, help="CSV; rows that it has already are not made again")
    options = parser.parse_args()
    for row in options.rows:
        if not ROW.fullmatch(row):
            parser.error(f"--rows {row!r}: expected NxI/S, real N/S or real asked N/S, maybe one_cycle or cosine")
    options.cache.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    teacher, asked = cifar_teacher(20), asked_teacher()
    real, last, test = cifar(teacher)
    judge, _ = batches(teacher, JUDGE["images"], JUDGE["steps"], JUDGE["seed"], options.cache)

    def measure(row: str, seed: int) -> dict[str, Any]:
        found = ROW.fullmatch(row)
        assert found is not None, "rows are checked"
        count, steps, asks, given, student_steps, rates = found.groups()
        if count is None:
            train, images_s = real.subset(torch.from_numpy(limited(real.targets.numpy(), int(given), 0))), 0.0
        else:
            train, images_s = batches(teacher, int(count), int(steps), seed, options.cache)
        begun = time.process_time()
        training = trained(train, asked, int(student_steps), rates or "one_cycle", bool(count or asks), seed)
        student_s = time.process_time() - begun
        student = training.network.eval()
        seen, told = (predict(network, judge, 256).argmax(1) for network in (student, teacher.network))
        figures = {"judge": (seen == told).double().mean().item()}
        for name, data in {"last": last, "test": test}.items():
            figures[name] = 1 - error_rate(predict(student, data, 256), data.targets)
        figures = {name: f"{value:.4f}" for name, value in figures.items()}
        return {"images_s": f"{images_s:.0f}", "student_s": f"{student_s:.0f}", **figures}

    add_rows(options.out, COLUMNS, options.rows, options.seeds, measure)


if __name__ == "__main__":
    main()
