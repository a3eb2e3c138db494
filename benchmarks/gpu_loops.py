"""The loops of dfnas at the sizes that people run, on random images: what a device is measured by.

All are `Resumable`. An epoch has EPOCH steps, so that a few from the first index on are of one kind.
"""

from typing import Any, NamedTuple

import torch
from torch.nn import functional as F

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.images import ImageSet
from dfnas.runtime.resumable import Resumable
from dfnas.runtime.seeds import generator, python_random, reseed
from dfnas.search.algorithm import resolve
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.search import BudgetSettings
from dfnas.settings.training import RetrainSettings
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.synthesis.fresh_images import InMemory
from dfnas.synthesis.inversion_targets import first_targets
from dfnas.synthesis.objective import Objective
from dfnas.synthesis.sequence import InversionSequence
from dfnas.training.training import Training

EPOCH = 32
MEAN, STD = (0.5,) * 3, (0.25,) * 3


class Size(NamedTuple):
    """Of a loop: side of the images in pixels, classes, images a step, and options of the space or of the teacher."""

    side: int
    classes: int
    batch: int
    options: dict[str, Any]


CHAIN = {"stem_width": 8, "stem_stride": 1, "depths": [1], "strides": [2], "last_width": 16}
CELLS = {"channels": 4, "cells": 3, "nodes": 2, "search_channels": 4, "search_cells": 3}
SIZES = {  # as published, but for the batches of ProxylessNAS and SPOS, which are 256 and 1024 there
    "inversion": Size(32, 10, 256, {"depth": 20}),
    "darts": Size(32, 10, 64, {}),
    "proxyless": Size(224, 1000, 128, {}),
    "spos": Size(224, 1000, 128, {}),
    "retraining": Size(32, 10, 96, {"auxiliary": True}),
}
SMALL = {  # does it run at all
    "inversion": Size(16, 10, 4, {"depth": 8}),
    "darts": Size(16, 4, 2, CELLS),
    "proxyless": Size(16, 4, 2, CHAIN | {"first_width": 8, "widths": [12]}),
    "spos": Size(16, 4, 2, CHAIN | {"widths": [16]}),
    "retraining": Size(16, 4, 4, CELLS | {"auxiliary": True}),
}
SPACES = {"darts": "darts", "proxyless": "mbconv", "spos": "shufflenet"}
SEARCHING: dict[str, dict[str, Any]] = {
    "darts": {},
    "proxyless": {"warmup_epochs": 0, "arch_every": 1},
    "spos": {"steps": 1000},
}


def images(size: Size, count: int, device: torch.device, seed: int = 0) -> ImageSet:
    """Random ones, with every class among them."""
    shape = count, 3, size.side, size.side
    pixels = torch.randint(256, shape, generator=generator(seed, "images"), dtype=torch.uint8)
    classes = torch.arange(count) % size.classes
    parts = (part.to(device) for part in (pixels, F.one_hot(classes, size.classes).float(), classes))
    return ImageSet(*parts, (size.side, size.side), MEAN, STD)


def inversion(size: Size, device: torch.device) -> InversionSequence:
    spec = TeacherSpec(builder="-", classes=size.classes, size=(size.side, size.side), mean=MEAN, std=STD)
    reseed(0, "teacher")
    teacher = Teacher(spec, cifar_resnet(**size.options)).to(device)
    settings = {"stages": [{"downscale": 1, "steps": 1000}], "canvas_margin": size.side // 8, "compile": "never"}
    parsed = InvertTeacherSettings.parse(settings | {"batch_size": size.batch})
    targets = first_targets(parsed, 0, size.classes)[1]
    return InversionSequence(Objective(teacher, parsed), targets, 0, [0], InMemory())


def retraining(size: Size, device: torch.device) -> Training:
    settings = RetrainSettings.parse({"batch_size": size.batch, "augmentation": {"cutout": size.side // 2}})
    space = make("darts", Task(3, (size.side, size.side), size.classes), size.options)
    reseed(0, "weights")
    network = space.network(space.sample(python_random(0, "architecture"))).to(device)
    train, validation = images(size, EPOCH * size.batch, device), images(size, size.batch, device, 1)
    return Training(network, train, validation, settings, 0, settings.auxiliary_weight, settings.drop_path)


def supernet(algorithm: str, size: Size, device: torch.device) -> Resumable:
    kind, name = resolve(algorithm), SPACES[algorithm]
    told = {"batch_size": size.batch, "space": {"name": name, "options": size.options}}
    settings = kind.settings_type.parse(told | SEARCHING[algorithm])
    space = make(name, Task(3, (size.side, size.side), size.classes), size.options)
    halves = 2 if algorithm == "darts" else 1
    data = images(size, halves * EPOCH * size.batch, device), images(size, size.batch, device, 1)
    return kind.supernet_class(SearchContext(space, *data, 0, Budget(space, BudgetSettings())), settings)


def begun(name: str, device: torch.device, small: bool) -> tuple[Resumable, int]:
    """A loop at its beginning, and the index from which on it does all that its steps do."""
    size = (SMALL if small else SIZES)[name]
    if name in SPACES:
        return supernet(name, size, device), EPOCH if name == "proxyless" else 0  # α rests in the first epoch
    return (inversion if name == "inversion" else retraining)(size, device), 0
