"""What a student learns from images that began as noise, and from those that began as dead leaves.

    DFNAS_DATA=/folder/of/data python benchmarks/inversion_start.py --out start.csv

The ResNet-20 of DFNAS_DATA is inverted as in workflow/presets/nasbench201.yaml: batches of 256, 40 steps at half
resolution and 80 at full. Rows differ in the start and in the learning rate, on which depends how much of the start is
left; `alone` is what a start is worth without any step. The student is that of data_free_student.py, where the columns
are explained; it learns by the teacher's labels of each view at T = 20. `verifier` is the share of images in which the
data folder's ResNet-56 sees the target class, `seconds` those of making the images. One generation, one thread.
Finished rows of an existing CSV are kept.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from cifar_teachers import CLASSES, SIZE, cifar_teacher, preset_inversion
from cifar_teachers import judged as verdict
from data_free_student import add_student_options, asked_teacher, judged, trained
from inversion_ablation import real_images
from rows import add_rows

from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.augment import center
from dfnas.dataset.images import ImageSet
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.synthesis.inversion import Inversion, to_uint8
from dfnas.synthesis.inversion_targets import first_targets, soft_labels
from dfnas.synthesis.objective import Objective

STARTS, RATES = ("noise", "leaves"), (0.5, 0.3, 0.2, 0.1, 0.05)
ROWS: dict[str, dict[str, Any]] = {f"{start}, {lr}": {"start": start, "lr": lr} for start in STARTS for lr in RATES}
ROWS |= {f"{start} alone": {"start": start, "stages": []} for start in STARTS}
HELD_OUT = 256
COLUMNS = ("row", "seed", "images", "seconds", "verifier", "steps", "held_out", "test", "test_agreement")


def made(row: str, seed: int, batches: int, teacher: Teacher) -> ImageSet:
    """Images of a row, with the teacher's labels."""
    settings = InvertTeacherSettings.parse(preset_inversion() | ROWS[row] | {"seed": seed})
    objective, images, classes = Objective(teacher, settings), [], []
    for batch in range(batches):
        wanted, targets = first_targets(settings, batch, CLASSES)
        images.append(to_uint8(Inversion(objective, targets, 0, batch).run()))
        classes.append(wanted)
    pixels = torch.cat(images)
    return ImageSet(pixels, soft_labels(teacher, pixels), torch.cat(classes), SIZE, teacher.spec.mean, teacher.spec.std)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--batches", type=int, default=6, help="of 256 images; the last is held out")
    add_student_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="CSV; rows that it has already are not made again")
    options = parser.parse_args()
    torch.set_num_threads(1)
    teacher, verifier = cifar_teacher(20), cifar_teacher(56)
    asked = asked_teacher()
    test, _ = real_images(teacher)

    def measure(row: str, seed: int) -> dict[str, Any]:
        begun = time.process_time()
        images = made(row, seed, options.batches, teacher)
        seconds = round(time.process_time() - begun)
        seen = center(images.images, SIZE).float() / 255
        count = len(images) - HELD_OUT
        train, held_out = images.subset(torch.arange(count)), images.subset(torch.arange(count, len(images)))
        training = trained("T = 20", train, asked, options, seed)
        figures = judged(training, asked, held_out, test)
        return {
            "images": count,
            "seconds": seconds,
            "verifier": round(verdict(seen, images.targets, verifier)["agreement"], 4),
            "steps": training.steps,
            **{name: round(figures[name], 4) for name in ("held_out", "test", "test_agreement")},
        }

    add_rows(options.out, COLUMNS, options.rows, options.seeds, measure)


if __name__ == "__main__":
    main()
