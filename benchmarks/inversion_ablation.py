"""What each part of the synthesis is worth, at equal budget: same teacher, images and iterations, several seeds.

    python benchmarks/inversion_ablation.py --out benchmarks/results/ablation.csv

The ResNet-20 of DFNAS_DATA is inverted; its ResNet-56 verifies. Rows, each with the same number of images and steps:

    noise         Gaussian noise
    deepinversion DeepInversion's published CIFAR-10 settings (its feature weight lowered to 1, where it works)
    plain         our optimiser and weights, DeepInversion's rolling instead of regions, hard targets for all images
    region        plain, with random regions of a larger canvas
    recursion     plain, in generations: each aims at the teacher's soft labels of the one before
    both          regions and generations: the paper
    resized       both, with a region of random size for each image: SRe2L's crops in the paper's generations

Of every image the central 32 x 32 pixels alone are kept, whatever the canvas: the teacher labels them, the verifier
judges them, and a student learns from them. (From a larger canvas a student would crop more.) Reported for each row
and seed: agreement of the verifier with the target class, its diversity scores, mean entropy of the labels, and the
accuracy on the real test images of a small student that was trained on those images and labels alone. Finished rows of
an existing CSV are kept.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cifar_teachers import BATCH, CLASSES, DEEPINVERSION, OURS, SIZE, cifar_teacher, judged, real_set
from rows import add_rows

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.augment import center
from dfnas.dataset.images import ImageSet
from dfnas.measure.accuracy import error_rate, predict
from dfnas.runtime.seeds import generator, reseed
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.training import AugmentationSettings, TrainingSettings
from dfnas.synthesis.inversion import Inversion, to_uint8
from dfnas.synthesis.inversion_targets import entropy, first_targets, soft_labels
from dfnas.synthesis.objective import Objective
from dfnas.training.training import Training

ROLL = {"region": "roll", "roll_reach": 4}
ROWS = {  # settings, and whether later batches aim at soft labels; None for noise
    "noise": None,
    "deepinversion": (DEEPINVERSION, False),
    "plain": ({**OURS, **ROLL}, False),
    "region": (OURS, False),
    "recursion": ({**OURS, **ROLL}, True),
    "both": (OURS, True),
    "resized": ({**OURS, "region": "random_resized_crop", "region_per": "image", "crop_area": [0.5, 1.0]}, True),
}
COLUMNS = (
    "row", "seed", "images", "steps", "seconds", "agreement", "cosine_distance", "vendi", "label_entropy_nats",
    "student_accuracy", "student_held_out_accuracy",
)  # fmt: skip


def synthesised(row: str, seed: int, generations: int, steps: int, teacher: Teacher) -> tuple[torch.Tensor, ...]:
    """Images uint8 (N, 3, P, P), soft labels (N, K) and target classes (N,) of a row."""
    if ROWS[row] is None:
        noise = torch.randn(generations * BATCH, 3, *SIZE, generator=generator(seed, "noise")) * teacher.std
        images = to_uint8(noise + teacher.mean)
        labels = soft_labels(teacher, images)
        return images, labels, labels.argmax(1)
    changes, recursive = ROWS[row]
    precision = {"precision": "bfloat16", "compile": "never"}
    settings = InvertTeacherSettings.parse({**changes, **precision, "stages": [{"steps": steps}], "seed": seed})
    objective, made = Objective(teacher, settings), []
    for generation in range(generations):
        if generation == 0 or not recursive:
            classes, targets = first_targets(settings, generation, CLASSES)
        else:
            targets = made[-1][1]  # of the same classes, in the same order
        place = (generation, 0) if recursive else (0, generation)
        images = to_uint8(Inversion(objective, targets, *place).run())
        made.append((images, soft_labels(teacher, images), classes))
    return tuple(torch.cat(parts) for parts in zip(*made, strict=True))


def real_images(teacher: Teacher) -> tuple[ImageSet, ImageSet]:
    """The 1017 test images, and the last 2000 training images, which nothing here learns from."""
    with np.load(Path(os.environ["DFNAS_DATA"]) / "cifar10" / "cifar10.npz") as archive:
        pairs = [(archive["x_test"], archive["y_test"]), (archive["x_train"][-2000:], archive["y_train"][-2000:])]
    test, last = (real_set(*pair, teacher) for pair in pairs)
    return test, last


def student_accuracies(data: ImageSet, seed: int, depth: int, steps: int, *judges: ImageSet) -> list[float]:
    """Accuracies of a network trained on the data with its soft labels."""
    batch_size = 128
    settings = TrainingSettings(
        epochs=max(2, steps // (len(data) // batch_size)),
        batch_size=batch_size,
        lr=0.1,
        warmup_epochs=1,
        nesterov=True,
        weight_decay=5e-4,
        augmentation=AugmentationSettings(pad=4, flip=True),
    )
    reseed(seed, "student")
    training = Training(cifar_resnet(depth), data, data.subset(torch.arange(16)), settings, seed)
    for step in range(training.steps):
        training.step(step)
    return [1 - error_rate(predict(training.network.eval(), judge, 256), judge.targets) for judge in judges]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--generations", type=int, default=3, help="of 256 images each, or as many batches")
    parser.add_argument("--steps", type=int, default=100, help="of the inversion, all at full resolution")
    parser.add_argument("--student-depth", type=int, default=20, help="layers of the student, a CIFAR ResNet")
    parser.add_argument("--student-steps", type=int, default=600, help="training steps of the student, 128 images each")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--out", type=Path, required=True, help="CSV; rows that it has already are not made again")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    teacher, verifier = cifar_teacher(20), cifar_teacher(56)
    test, held_out = real_images(teacher)

    def measure(row: str, seed: int) -> dict[str, Any]:
        begun = time.perf_counter()
        images, labels, classes = synthesised(row, seed, options.generations, options.steps, teacher)
        seconds = time.perf_counter() - begun
        images = center(images, SIZE).contiguous()  # of all rows the same size, whatever their canvas
        verdict = judged(images.float() / 255, classes, verifier)
        data = ImageSet(images, labels, classes, SIZE, teacher.spec.mean, teacher.spec.std)
        student = student_accuracies(data, seed, options.student_depth, options.student_steps, test, held_out)
        return {
            "images": len(images),
            "steps": options.steps,
            "seconds": round(seconds, 1),
            **{name: round(value, 4) for name, value in verdict.items()},
            "label_entropy_nats": round(entropy(labels).mean().item(), 4),
            "student_accuracy": round(student[0], 4),
            "student_held_out_accuracy": round(student[1], 4),
        }

    add_rows(options.out, COLUMNS, options.rows, options.seeds, measure)


if __name__ == "__main__":
    main()
