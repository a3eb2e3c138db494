"""A ResNet-18 that learns from a ResNet-34 and no image of CIFAR-10, on one GPU.

    python benchmarks/gpu_student.py --data cifar10.npz --out student/
    python benchmarks/gpu_student.py --data cifar10.npz --out student/ --seconds 600

Three parts, of which the first two are kept in the folder and not made again: the teacher, trained here on the real
images; images made from it; the student. It learns by the teacher's labels of each view, by each batch's statistics;
with --every also from new images that are made against it. Both are the ResNets of torchvision with the first
convolution of 3 x 3 and without the first pooling, as the literature of data-free distillation has them. With
--seconds each part is as large as its share of that time allows; without --data the images are random, and nothing but
the speed means anything. Needs what the package imports and torchvision, and no Snakemake. It also runs on a CPU, to be
tried: --device cpu --quick, also with --every 2.
"""

import argparse
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import needed
import numpy as np
import torch
from cifar_teachers import CLASSES, OURS, SIZE
from torch import nn
from torch.nn import functional as F

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.batch_targets import labels_of
from dfnas.dataset.images import ImageSet
from dfnas.measure.accuracy import error_rate, predict
from dfnas.runtime.device import prepare, synchronize
from dfnas.runtime.seeds import generator, reseed
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.training import RetrainSettings
from dfnas.synthesis.fresh_images import InMemory, WithFreshImages
from dfnas.synthesis.inversion_targets import first_targets
from dfnas.synthesis.objective import Objective
from dfnas.synthesis.sequence import InversionSequence
from dfnas.training.training import Training

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
RECIPE = {
    "batch_size": 256,
    "lr": 0.2,
    "nesterov": True,
    "weight_decay": 5e-4,
    "warmup_epochs": 1,
    "auxiliary_weight": 0.0,
    "drop_path": 0.0,
    "precision": "bfloat16",
    "augmentation": {"pad": 4, "flip": True},
}
DATA_FREE = {"labels": "teacher", "temperature": 20.0, "teacher_statistics": "batch"}
STAGES = [{"downscale": 2, "steps": 100}, {"downscale": 1, "steps": 300}]
LINE_S = 20.0
QUICK = {"teacher_epochs": 2, "images": 40, "epochs": 3, "real": 100, "batch": 20}
QUICK_STAGES = [{"downscale": 4, "steps": 11}]
SHARES = {"teacher": 0.2, "images": 0.35, "student": 0.4}
"""Of the time, where that is given; what is left goes to tests and to finding out how long a step takes."""


def for_cifar(depth: int) -> nn.Module:
    """A ResNet of torchvision for images of 32 pixels."""
    needed.require("torchvision")
    from torchvision.models import resnet18, resnet34  # a trial does without

    network = {18: resnet18, 34: resnet34}[depth](num_classes=CLASSES)
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


NETWORKS = {"teacher": lambda: for_cifar(34), "student": lambda: for_cifar(18)}
QUICK_NETWORKS = dict.fromkeys(NETWORKS, lambda: cifar_resnet(8))


def real(path: Path | None, part: str, most: int, device: torch.device) -> ImageSet:
    """Images of CIFAR-10 with their classes; without a file random ones."""
    if path is None:
        pixels = torch.randint(256, (most, 3, *SIZE), dtype=torch.uint8, generator=generator(0, part)).numpy()
        classes = np.arange(most) % CLASSES
    else:
        with np.load(path) as archive:
            pixels, classes = archive[f"x_{part}"][:most].transpose(0, 3, 1, 2).copy(), archive[f"y_{part}"][:most]
    targets = torch.from_numpy(classes.astype(np.int64))
    parts = (torch.from_numpy(pixels), F.one_hot(targets, CLASSES).float(), targets)
    return ImageSet(*(each.to(device) for each in parts), SIZE, MEAN, STD)


def accuracy(network: nn.Module, data: ImageSet) -> float:
    return 1 - error_rate(predict(network.eval(), data, 1000), data.targets)


Told = Callable[[str, dict[str, Any]], None]
"""What is called with the name of a part and figures of it."""


class Student:
    """The three parts, in one folder on one device.

    Args:
        data: an archive of CIFAR-10, or None.
        sizes: `teacher_epochs`, `images`, `epochs`, `every`, `real` images and those of a `batch`.
        changes: of the inversion's settings.
        seconds: for all parts, each of which is then as large as fits; 0 for the sizes as they are.
        networks: what makes the teacher and the student.
    """

    def __init__(
        self,
        data: Path | None,
        out: Path,
        device: torch.device,
        sizes: dict[str, int],
        changes: dict[str, Any],
        told: Told,
        seconds: float,
        networks: dict[str, Callable[[], nn.Module]],
    ):
        self.data, self.out, self.device, self.sizes, self.told, self.seconds = data, out, device, sizes, told, seconds
        self.networks = networks
        self.inversion = InvertTeacherSettings.parse(OURS | changes | {"batch_size": sizes["batch"]})
        self.test = real(data, "test", min(10_000, sizes["real"]), device)
        self.few = self.test.subset(torch.arange(100))
        out.mkdir(parents=True, exist_ok=True)

    def run(self) -> None:
        """Does all three, and tells how far it has come and what each comes to."""
        teacher = self.teacher()
        self.told("teacher", {"test": accuracy(teacher.network, self.test)})
        train = self.images(teacher)
        self.told("images", {"count": len(train)})
        self.told("student", self.student(teacher, train))

    def _fitting(self, part: str, size: str, begun: Callable[[int], Training | InversionSequence]) -> int:
        """How many of what the size counts fit into the part's share of the time: of an epoch, or of a batch.

        Args:
            begun: the work with so many of them.
        """
        if not self.seconds:
            return self.sizes[size]
        work, times = begun(2), []
        first = max(0, work.steps // 2 - 12)  # of images the dearest: those of the last stage of the first batch
        if isinstance(work, InversionSequence):
            work.skip_to(first)
        for index in range(first, work.steps // 2):
            begun_at = time.perf_counter()
            work.step(index)
            synchronize(self.device)
            times.append(time.perf_counter() - begun_at)
        each_s = sorted(times)[len(times) // 2] * work.steps / 2
        return max(2, int(SHARES[part] * self.seconds / each_s))

    def _done(self, part: str, work: Training | WithFreshImages, network: nn.Module) -> None:
        """Does all steps; tells how far it is after each epoch that ends a while after the last that was told."""
        begun = said = time.perf_counter()
        while_s = min(LINE_S, self.seconds / 30 or LINE_S)
        for step in range(work.steps):
            if work.step(step) is not None and time.perf_counter() - said > while_s:
                said = time.perf_counter()
                figures = {"step": step + 1, "of": work.steps, "s": round(said - begun, 1)}
                self.told(f"{part}, on its way", figures | {"test": accuracy(network, self.test)})

    def teacher(self) -> Teacher:
        """The teacher: from the folder, or trained."""
        network, kept = self._network("teacher"), self.out / "teacher.pt"
        if kept.exists():
            network.load_state_dict(torch.load(kept, map_location=self.device, weights_only=True))
        else:
            train = real(self.data, "train", self.sizes["real"], self.device)

            def begun(epochs: int, network: nn.Module | None = None) -> Training:
                settings = RetrainSettings.parse(RECIPE | {"epochs": epochs, "batch_size": self.sizes["batch"]})
                return Training(network or self._network("teacher"), train, self.few, settings, 0)

            self._done("teacher", begun(self._fitting("teacher", "teacher_epochs", begun), network), network)
            torch.save(network.state_dict(), kept)
        spec = TeacherSpec(builder="-", classes=CLASSES, size=SIZE, mean=MEAN, std=STD)
        return Teacher(spec, network).to(self.device)

    def images(self, teacher: Teacher) -> ImageSet:
        """Images made from the teacher: from the folder, or new."""
        settings, objective = self.inversion, Objective(teacher, self.inversion)

        def sequence(batches: int) -> InversionSequence:
            targets = torch.cat([first_targets(settings, batch, CLASSES)[1] for batch in range(batches)])
            return InversionSequence(objective, targets, 0, range(batches), InMemory())

        size = settings.batch_size
        count = self.sizes["images"] // size * size
        if self.seconds:
            count = self._fitting("images", "images", sequence) * size
        kept = self.out / f"images-{settings.start}-{settings.lr}-{count}.pt"
        if not kept.exists():
            work = sequence(count // size)
            for step in range(work.steps):
                work.step(step)
            torch.save(torch.cat(list(work.images())), kept)
        drawn = [first_targets(settings, batch, CLASSES) for batch in range(count // size)]
        classes, targets = (torch.cat(each) for each in zip(*drawn, strict=True))
        parts = (torch.load(kept, weights_only=True), targets.float(), classes)
        return ImageSet(*(each.to(self.device) for each in parts), SIZE, MEAN, STD)

    def student(self, teacher: Teacher, train: ImageSet) -> dict[str, Any]:
        """What a student comes to."""
        fresh = {"every_epochs": self.sizes["every"], "batches": 1, "competition_weight": 10.0}

        def begun(epochs: int, network: nn.Module | None = None) -> Training:
            changes = DATA_FREE | {"epochs": epochs, "batch_size": self.sizes["batch"], "fresh": fresh}
            settings = RetrainSettings.parse(RECIPE | changes)
            network = network or self._network("student")
            labels = labels_of(train, settings, teacher)
            return Training(network, train, self.few, settings, 0, labels=labels, temperature=settings.temperature)

        network = self._network("student")
        training = begun(self._fitting("student", "epochs", begun), network)
        every = self.sizes["every"]
        work = WithFreshImages(training, teacher, self.inversion, training.settings.fresh) if every else training
        self._done("student", work, network)
        return {"images": len(train), "steps": training.steps, "test": accuracy(network, self.test)}

    def _network(self, name: str) -> nn.Module:
        reseed(0, name)
        return self.networks[name]().to(self.device, memory_format=torch.channels_last)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="cifar10.npz, see workflow/presets/cifar10.yaml; else random images")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--teacher-epochs", type=int, default=20)
    parser.add_argument("--images", type=int, default=20480)
    parser.add_argument("--epochs", type=int, default=120, help="passes of the student over its images")
    parser.add_argument("--every", type=int, default=0, help="epochs between new images; 0: none")
    parser.add_argument("--seconds", type=float, default=0.0, help="for all: sizes are what fits into it")
    parser.add_argument("--start", default="leaves", help="what images begin as: leaves, or noise with --lr 0.5")
    parser.add_argument("--lr", type=float, default=0.1, help="of the inversion")
    parser.add_argument("--quick", action="store_true", help="tiny: does it run at all")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    options = parser.parse_args()
    with ExitStack() as held:
        device = prepare(options.device, 1, held)
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        report: dict[str, Any] = {"device": name, "torch": str(torch.__version__)}
        begun = time.perf_counter()

        def told(what: str, figures: dict[str, Any]) -> None:
            synchronize(device)
            report.setdefault(what, []).append(figures | {"until_s": round(time.perf_counter() - begun, 1)})
            print(json.dumps({what: report[what][-1]}), flush=True)
            (options.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")

        sizes = {name: getattr(options, name) for name in ("teacher_epochs", "images", "epochs", "every")}
        prepared(
            options.data, options.out, device, sizes, told, options.seconds, options.quick, options.start, options.lr
        ).run()


def prepared(
    data: Path | None,
    out: Path,
    device: torch.device,
    sizes: dict[str, int],
    told: Told,
    seconds: float,
    quick: bool = False,
    start: str = "leaves",
    lr: float = 0.1,
) -> Student:
    """The three parts at their usual settings."""
    changes = {"region_per": "image", "precision": "bfloat16", "start": start, "lr": lr}
    changes["stages"] = QUICK_STAGES if quick else STAGES
    sizes = {"every": 0, "real": 50_000, "batch": RECIPE["batch_size"]} | sizes | (QUICK if quick else {})
    return Student(data, out, device, sizes, changes, told, seconds, QUICK_NETWORKS if quick else NETWORKS)


if __name__ == "__main__":
    main()
