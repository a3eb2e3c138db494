"""A ResNet-18 that learns from a ResNet-34 and no image of CIFAR-10, on one GPU.

    python benchmarks/gpu_student.py --data cifar10.npz --out student/

Three parts, of which the first two are kept in the folder and not made again: the teacher, trained here on the real
images; images made from it; the student. It learns by the teacher's labels of each view, by each batch's statistics;
with --every also from new images that are made against it. Both are the ResNets of torchvision with the first
convolution of 3 x 3 and without the first pooling, as the literature of data-free distillation has them. Needs what the
package imports, torchvision and cifar10.npz, and no Snakemake. It also runs on a CPU, to be
tried: --device cpu --quick, also with --every 2.
"""

import argparse
import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cifar_teachers import CLASSES, OURS, SIZE
from torch import nn
from torch.nn import functional as F
from torchvision.models import resnet18, resnet34

from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.batch_targets import labels_of
from dfnas.dataset.images import ImageSet
from dfnas.measure.accuracy import error_rate, predict
from dfnas.runtime.device import prepare, synchronize
from dfnas.runtime.seeds import reseed
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
QUICK = {"teacher_epochs": 2, "images": 200, "epochs": 3, "real": 200, "batch": 100}


def for_cifar(network: nn.Module) -> nn.Module:
    """A ResNet of torchvision for images of 32 pixels."""
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


def real(path: Path, part: str, most: int, device: torch.device) -> ImageSet:
    """Images of CIFAR-10 with their classes."""
    with np.load(path) as archive:
        pixels, classes = archive[f"x_{part}"][:most].transpose(0, 3, 1, 2).copy(), archive[f"y_{part}"][:most]
    targets = torch.from_numpy(classes.astype(np.int64))
    parts = (torch.from_numpy(pixels), F.one_hot(targets, CLASSES).float(), targets)
    return ImageSet(*(each.to(device) for each in parts), SIZE, MEAN, STD)


def accuracy(network: nn.Module, data: ImageSet) -> float:
    return 1 - error_rate(predict(network.eval(), data, 1000), data.targets)


def done(work: Training | WithFreshImages, test: ImageSet, network: nn.Module) -> None:
    """Does all steps, and says how far it has come after each epoch that ends more than LINE_S after the last line."""
    begun = said = time.perf_counter()
    for step in range(work.steps):
        if work.step(step) is not None and time.perf_counter() - said > LINE_S:
            said = time.perf_counter()
            figures = {"step": step + 1, "of": work.steps, "s": round(time.perf_counter() - begun, 1)}
            print(json.dumps(figures | {"test": accuracy(network, test)}), flush=True)


def teacher_of(options: argparse.Namespace, sizes: dict[str, int], test: ImageSet) -> Teacher:
    """The teacher: from the folder, or trained."""
    reseed(0, "teacher")
    network = for_cifar(resnet34(num_classes=CLASSES)).to(test.images.device, memory_format=torch.channels_last)
    kept = options.out / "teacher.pt"
    if kept.exists():
        network.load_state_dict(torch.load(kept, map_location=test.images.device, weights_only=True))
    else:
        train = real(options.data, "train", sizes["real"], test.images.device)
        settings = RetrainSettings.parse(RECIPE | {"epochs": sizes["teacher_epochs"], "batch_size": sizes["batch"]})
        training = Training(network, train, test.subset(torch.arange(100)), settings, 0)
        done(training, test, network)
        torch.save(network.state_dict(), kept)
    spec = TeacherSpec(builder="-", classes=CLASSES, size=SIZE, mean=MEAN, std=STD)
    return Teacher(spec, network).to(test.images.device)


def images_of(teacher: Teacher, settings: InvertTeacherSettings, count: int, kept: Path) -> ImageSet:
    """Images made from the teacher: from the folder, or new."""
    batches = range(count // settings.batch_size)
    drawn = [first_targets(settings, batch, CLASSES) for batch in batches]
    classes, targets = (torch.cat(each) for each in zip(*drawn, strict=True))
    if not kept.exists():
        sequence = InversionSequence(Objective(teacher, settings), targets, 0, batches, InMemory())
        for step in range(sequence.steps):
            sequence.step(step)
        torch.save(torch.cat(list(sequence.images())), kept)
    pixels, device = torch.load(kept, weights_only=True), teacher.mean.device
    return ImageSet(*(each.to(device) for each in (pixels, targets.float(), classes)), SIZE, MEAN, STD)


def student_of(
    teacher: Teacher, train: ImageSet, inversion: InvertTeacherSettings, sizes: dict[str, int], test: ImageSet
) -> dict[str, Any]:
    """What a student comes to."""
    fresh = {"every_epochs": sizes["every"], "batches": 1, "competition_weight": 10.0}
    changes = DATA_FREE | {"epochs": sizes["epochs"], "batch_size": sizes["batch"], "fresh": fresh}
    settings = RetrainSettings.parse(RECIPE | changes)
    reseed(0, "student")
    network = for_cifar(resnet18(num_classes=CLASSES)).to(test.images.device, memory_format=torch.channels_last)
    labels = labels_of(train, settings, teacher)
    few = train.subset(torch.arange(100))
    training = Training(network, train, few, settings, 0, labels=labels, temperature=settings.temperature)
    work = WithFreshImages(training, teacher, inversion, settings.fresh) if sizes["every"] else training
    done(work, test, network)
    return {"images": len(train), "steps": training.steps, "test": accuracy(network, test)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="cifar10.npz, see workflow/presets/cifar10.yaml")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--teacher-epochs", type=int, default=20)
    parser.add_argument("--images", type=int, default=20480)
    parser.add_argument("--epochs", type=int, default=120, help="passes of the student over its images")
    parser.add_argument("--every", type=int, default=0, help="epochs between new images; 0: none")
    parser.add_argument("--start", default="leaves", help="what images begin as: leaves, or noise with --lr 0.5")
    parser.add_argument("--lr", type=float, default=0.1, help="of the inversion")
    parser.add_argument("--quick", action="store_true", help="tiny: does it run at all")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sizes = {name: getattr(options, name) for name in ("teacher_epochs", "images", "epochs", "every")}
    sizes |= {"real": 50_000, "batch": RECIPE["batch_size"]}
    stages = STAGES
    if options.quick:
        sizes, stages = sizes | QUICK, [{"downscale": 4, "steps": 11}]
    with ExitStack() as held:
        device = prepare(options.device, 1, held)
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        report = {"device": name, "torch": str(torch.__version__)}
        test = real(options.data, "test", 100 if options.quick else 10_000, device)
        changes = {"region_per": "image", "precision": "bfloat16", "start": options.start, "lr": options.lr}
        inversion = InvertTeacherSettings.parse(OURS | changes | {"stages": stages, "batch_size": sizes["batch"]})
        begun = time.perf_counter()

        def note(what: str, **figures: Any) -> None:
            synchronize(device)
            report[what] = figures | {"until_s": round(time.perf_counter() - begun, 1)}
            print(json.dumps({what: report[what]}), flush=True)
            (options.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")

        teacher = teacher_of(options, sizes, test)
        note("teacher", test=accuracy(teacher.network, test))
        kept = options.out / f"images-{options.start}-{options.lr}-{sizes['images']}.pt"
        train = images_of(teacher, inversion, sizes["images"], kept)
        note("images", count=len(train))
        note("student", **student_of(teacher, train, inversion, sizes, test))


if __name__ == "__main__":
    main()
