"""Every loop of dfnas that runs on a device, a few steps each at the least size.

A scenario is given a device, a context in which one step is done that is typical of its loop, and an empty folder. It
gives what came out: tensors, numbers and texts.
"""

import random
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.batch_targets import StoredLabels, labels_of
from dfnas.dataset.batches import Batches
from dfnas.dataset.generations import LabelledImages
from dfnas.dataset.images import ImageSet
from dfnas.dataset.relabelling import relabelled
from dfnas.dataset.stored import OnHost, StoredImages
from dfnas.measure.accuracy import error_rate, predict
from dfnas.measure.calibration import fitted_temperature, negative_log_likelihood
from dfnas.runtime.files import save_archive
from dfnas.runtime.seeds import reseed
from dfnas.search.algorithm import resolve
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.search.supernet import Trained
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.search import BudgetSettings
from dfnas.settings.training import AugmentationSettings, RetrainSettings
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.synthesis.fresh_images import WithFreshImages
from dfnas.synthesis.inversion import Inversion
from dfnas.synthesis.inversion_targets import first_targets, soft_labels
from dfnas.synthesis.objective import Objective
from dfnas.synthesis.quality import Quality
from dfnas.training.training import Training

Step = Callable[[], AbstractContextManager[None]]
Scenario = Callable[[torch.device, Step, Path], Any]

EXTENDING = Path(__file__).parents[2] / "docs" / "extending.md"
TASK = Task(channels=3, size=16, classes=10)
CHAIN = {"stem_width": 8, "stem_stride": 1, "depths": [2, 2], "strides": [2, 2], "last_width": 32}
SPACES: dict[str, dict[str, Any]] = {
    "darts": {"channels": 4, "cells": 3, "nodes": 2, "search_channels": 4, "search_cells": 3},
    "mbconv": CHAIN | {"first_width": 8, "widths": [12, 24]},
    "shufflenet": CHAIN | {"widths": [16, 32]},
    "nasbench201": {"channels": 4, "cells_per_stage": 1},
    "chain": {"width": 8},
}
SEARCHED = {"proxyless": "mbconv", "spos": "shufflenet"}  # all others: darts
VIEWS = {"pad": 2, "flip": True}
JITTER = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
EVOLUTION = {"generations": 2, "population": 3, "parents": 2, "crossover": 1, "mutation": 1}
RECALIBRATED = EVOLUTION | {"recalibration_batches": 2, "recalibration_batch_size": 8}
LEARNING: dict[str, dict[str, Any]] = {
    "darts": {"epochs": 1},
    "proxyless": {"epochs": 2, "warmup_epochs": 0, "arch_every": 2},
    "spos": {"steps": 4, "evolution": RECALIBRATED, "budget": {}},
    "evolution": {"steps": 2, "cycles": 3, "population": 2, "sample": 1},
    "training_free": {"draws": 2, "images": "data"},
}


def images(device: torch.device, count: int = 64, seed: int = 0, streamed: bool = False) -> ImageSet:
    """Random ones, on the device, or on the host, from which they come batch by batch: on the CPU too."""
    pixels = torch.randint(256, (count, 3, *TASK.size), generator=torch.Generator().manual_seed(seed))
    classes = torch.arange(count) % TASK.classes
    labels = F.one_hot(classes, TASK.classes).float()
    parts = [part.to(device) for part in (pixels.to(torch.uint8), labels, classes)]
    if streamed:
        parts[0] = StoredImages(OnHost(pixels.to(torch.uint8).contiguous(memory_format=torch.channels_last)), device)
    return ImageSet(*parts, TASK.size, (0.5,) * 3, (0.25,) * 3)


def teacher(device: torch.device) -> Teacher:
    torch.manual_seed(0)
    network = cifar_resnet(8, channels=3)
    with torch.no_grad():
        network.train()(torch.randn(64, 3, *TASK.size))
    spec = TeacherSpec(builder="-", classes=TASK.classes, channels=3, size=16, mean=(0.4,) * 3, std=(0.3,) * 3)
    return Teacher(spec, network).to(device)


def saved(state: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A state as it comes back from a checkpoint, by a plain `torch.load`, for which there need be no device."""
    save_archive(folder / "state.pt", state)
    return torch.load(folder / "state.pt", weights_only=True)


def on_cpu(value: Any) -> Any:
    """A result, wherever it was computed."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {name: on_cpu(part) for name, part in value.items()}
    return [on_cpu(part) for part in value] if isinstance(value, list | tuple) else value


def views(**augmentation: Any) -> Scenario:
    def work(device: torch.device, step: Step, folder: Path) -> Any:
        data = images(device)
        batches = Batches(data, 16, AugmentationSettings.parse(augmentation), StoredLabels(data), 0, "seen")
        first = batches[0]
        with step():
            second = batches[1]
        return [*first, *second]

    return work


def inversion(**changes: Any) -> Scenario:
    def work(device: torch.device, step: Step, folder: Path) -> Any:
        settings = inverting(**changes)
        rival = teacher(device) if settings.competition_weight else None
        targets = first_targets(settings, 0, TASK.classes)[1]
        run = Inversion(Objective(teacher(device), settings, rival), targets, 0, 0)
        run.advance(4)
        run.load_state_dict(saved(run.state_dict(), folder))
        steps = run.steps()
        with step():
            next(steps)
        steps.close()
        return [run.run(), run.history()]

    return work


def inverting(**changes: Any) -> InvertTeacherSettings:
    stages = [{"downscale": 2, "steps": 3}, {"downscale": 1, "steps": 3}]
    common = {"batch_size": 8, "stages": stages, "warmup_steps": 1, "canvas_margin": 2, "compile": "never"}
    return InvertTeacherSettings.parse(common | changes)


def training(streamed: bool = False, **changes: Any) -> Scenario:
    def work(device: torch.device, step: Step, folder: Path) -> Any:
        run = begun_training(device, streamed, **changes)
        run.step(0)
        run.load_state_dict(saved(run.state_dict(), folder))
        row = run.step(1)  # the last of an epoch
        with step():
            run.step(2)
        return [run.result.state_dict(), row]

    return work


def begun_training(device: torch.device, streamed: bool = False, **changes: Any) -> Training:
    common = {"epochs": 2, "batch_size": 32, "warmup_epochs": 0, "augmentation": VIEWS | {"cutout": 4}}
    settings = RetrainSettings.parse(common | changes)
    space = make("darts", TASK, SPACES["darts"] | {"auxiliary": True})
    reseed(0, "weights")
    network, train = space.network(space.sample(random.Random(0))).to(device), images(device, streamed=streamed)
    labels = labels_of(train, settings, teacher(device) if settings.labels == "teacher" else None)
    weights = settings.auxiliary_weight, settings.drop_path
    return Training(network, train, images(device, 32, 1, streamed), settings, 0, *weights, labels=labels)


def fresh_images(device: torch.device, step: Step, folder: Path) -> Any:
    fresh = {"every_epochs": 1, "batches": 1, "competition_weight": 1.0}
    changes = {"epochs": 3, "labels": "teacher", "temperature": 20.0, "teacher_statistics": "batch", "fresh": fresh}
    run = begun_training(device, **changes, augmentation=VIEWS)
    inverted = inverting(canvas_margin=0, stages=[{"downscale": 1, "steps": 3}])
    work = WithFreshImages(run, teacher(device), inverted, run.settings.fresh)
    rows = []
    for index in range(work.steps):
        with step() if index == 3 else nullcontext():
            rows.append(work.step(index))
        if index == 3:
            work.load_state_dict(saved(work.state_dict(), folder))
    return [rows, run.network.state_dict()]


def begun_search(algorithm: str, device: torch.device, folder: Path, space: str, changes: dict[str, Any]) -> tuple:
    """The class of a search, its settings, and what it works on."""
    streamed = changes.pop("streamed", False)
    kind, space = resolve(algorithm), space or SEARCHED.get(algorithm, "darts")
    options = SPACES[space] | changes.pop("options", {})
    common = {"batch_size": 8, "augmentation": VIEWS, "space": {"name": space, "options": options}}
    settings = kind.settings_type.parse(common | LEARNING[algorithm] | changes)
    made = make(users_space(folder) if space == "chain" else space, TASK, options)
    asked = teacher(device) if settings.labels == "teacher" else None
    data = images(device, 48, 0, streamed), images(device, 16, 1, streamed)
    return kind, settings, SearchContext(made, *data, 0, Budget(made, BudgetSettings()), asked)


def users_space(folder: Path) -> str:
    """The worked example of docs/extending.md."""
    (code,) = re.findall(r"```python\n(# chain\.py\n.*?)```", EXTENDING.read_text(), flags=re.DOTALL)
    (folder / "chain.py").write_text(code)
    return f"{folder}/chain.py:ChainSpace"


def supernet(algorithm: str, counted: int, space: str = "", **changes: Any) -> Scenario:
    """The training of a supernet, saved after the counted step and gone on with."""

    def work(device: torch.device, step: Step, folder: Path) -> Any:
        kind, settings, context = begun_search(algorithm, device, folder, space, dict(changes))
        run, rows, index = kind.supernet_class(context, settings), [], 0
        while index < run.steps:
            with step() if index == counted else nullcontext():
                rows.append(run.step(index))
            if index == counted:
                run.load_state_dict(saved(run.state_dict(), folder))
            index += 1
        return [rows, run.strengths(), run.report()]

    return work


def candidates(algorithm: str, **changes: Any) -> Scenario:
    """The search itself, on a supernet where it has one. The second candidate is counted, or its last step."""

    def work(device: torch.device, step: Step, folder: Path) -> Any:
        kind, settings, context = begun_search(algorithm, device, folder, "", dict(changes))
        on: list[Any] = []
        if hasattr(kind, "supernet_class"):
            trained = kind.supernet_class(context, settings)
            on = [Trained(trained.network, trained.strengths(), trained.report())]
        derived = getattr(kind, "reads_strengths", False)
        run = kind(context.budget, settings, *on, 0) if derived else kind(context, settings, *on)
        rows, counted = [], getattr(settings, "steps", 1) if algorithm == "evolution" else 1
        for index in range(run.steps):
            with step() if index == counted else nullcontext():
                rows.append(run.step(index))
        return [rows, run.architecture()]

    return work


def evaluation(streamed: bool = False) -> Scenario:
    def work(device: torch.device, step: Step, folder: Path) -> Any:
        data, network = images(device, streamed=streamed), teacher(device).network
        with step():
            logits = predict(network, data, 64)
        temperature = fitted_temperature(logits, data.soft_labels)
        likelihood = negative_log_likelihood(logits, data.soft_labels, temperature)
        return [logits, error_rate(logits, data.targets), likelihood]

    return work


def labels(device: torch.device, step: Step, folder: Path) -> Any:
    asked, stored = teacher(device), images(torch.device("cpu")).images
    with step():
        seen = soft_labels(asked, stored, 64)
    return [seen, relabelled(images(device), asked).soft_labels]


def quality(device: torch.device, step: Step, folder: Path) -> Any:
    data, asked = images(torch.device("cpu")), teacher(device)
    seen = soft_labels(asked, data.images)
    with Quality(asked, teacher(device)) as judged:
        for counted in (nullcontext, step):
            with counted():
                judged.add(LabelledImages(data.images, data.targets, seen, data.soft_labels))
    return judged.report()


PERTURBED = {"train_architecture": False, "selection": {"by": "perturbation", "tune_epochs": 0.3}}
PERTURBED |= {"options": {"nodes": 1}}
RANKED = {"ranks": {"batch_size": 4}}

SCENARIOS: dict[str, Scenario] = {
    "views": views(**VIEWS),
    "views, reflected, alternating, cutout": views(pad=2, padding="reflect", flip="alternating", cutout=4),
    "views, any size, jitter": views(pad=0, crop_area=(0.3, 1.0), jitter=JITTER),
    "inversion": inversion(),
    "inversion, own regions, kl, momentum": inversion(
        region_per="image", feature_scale="relative", feature_momentum=0.9, feature_distance="kl"
    ),
    "inversion, bfloat16": inversion(precision="bfloat16"),
    "inversion, rival, leaves": inversion(competition_weight=1.0, start="leaves"),
    "inversion, crops of any size": inversion(region="random_resized_crop"),
    "inversion, rolled": inversion(region="roll", roll_reach=2, canvas_margin=0),
    "training": training(),
    "training, bfloat16": training(precision="bfloat16"),
    "training, mixed, averaged": training(mixup=0.2, cutmix=1.0, averaging={"kind": "ema"}),
    "training, the teacher's labels": training(labels="teacher", temperature=20.0, teacher_statistics="batch"),
    "training, streamed": training(streamed=True),
    "fresh images": fresh_images,
    "darts": supernet("darts", 1),
    "darts, first order, published size": supernet(
        "darts", 1, order=1, batch_size=2, images_per_epoch=16, options={"nodes": 4, "search_cells": 8}
    ),
    "darts, second order, edges": supernet(
        "darts", 1, order=2, edge_normalisation=True, options={"search_partial_channels": 2}
    ),
    "darts, eigenvalue": supernet("darts", 2, epochs=1, stop={"by": "eigenvalue", "ratio": 0, "iterations": 2}),
    "darts, perturbation": supernet("darts", 3, **PERTURBED),
    "darts on nasbench201": supernet("darts", 1, "nasbench201"),
    "darts on a user's space": supernet("darts", 1, "chain"),
    "darts, ranked": candidates("darts", evolution=EVOLUTION, **RANKED),
    "proxyless, weights": supernet("proxyless", 0),
    "proxyless, weights and α": supernet("proxyless", 9),
    "proxyless, all gates, on darts": supernet("proxyless", 9, "darts", gates="all"),
    "spos": supernet("spos", 1),
    "spos, strict, the teacher's labels": supernet("spos", 1, sampling="strict", labels="teacher", temperature=3.0),
    "spos, candidate": candidates("spos"),
    "spos, candidate, ranked, by loss": candidates("spos", judge_by="loss", **RANKED),
    "evolution": candidates("evolution"),
    "training-free": candidates("training_free"),
    "evaluation": evaluation(),
    "labels": labels,
    "quality": quality,
    "spos, streamed": supernet("spos", 1, streamed=True),
    "evaluation, streamed": evaluation(streamed=True),
}
