"""Whether the original images are where the configuration says, and how many there are."""

import zipfile
from dataclasses import dataclass

import numpy as np

from dfnas.classifiers.metadata import complete
from dfnas.dataset.class_order import check_same_order
from dfnas.dataset.originals import load_originals, ordered
from dfnas.dataset.split import check_classes, held_out, limited
from dfnas.doctor.findings import Finding, failure, ok, warning
from dfnas.runtime.errors import InputError
from dfnas.runtime.limits import denied
from dfnas.settings.config import Config
from dfnas.settings.dataset import ShardOriginalSettings
from dfnas.settings.sources import ORIGINAL

ASSUMED = 50_000
"""Training images, where they cannot be counted: CIFAR's."""


@dataclass(frozen=True)
class DataSize:
    """How many images a data set has, and of which kind."""

    train: int
    validation: int
    test: int
    channels: int
    stored: tuple[int, int]
    """Height and width as stored."""
    size: tuple[int, int]
    """Height and width that a network sees."""
    classes: int

    @property
    def images(self) -> int:
        return self.train + self.validation + self.test

    @property
    def bytes(self) -> int:
        """Of all pixels."""
        return self.images * self.channels * self.stored[0] * self.stored[1]


def check_originals(config: Config) -> tuple[list[Finding], DataSize | None]:
    """Finds the original images as `shard_original` will, and counts them."""
    settings, subject = config.originals(), f"original data ({config.shard_original.source})"
    if settings.source == "none":
        return [none_given()], None
    try:
        if settings.source == "folder":
            return _check_folder(config, subject)
        if settings.source == "cifar10" and not _is_downloaded(settings):
            story = f"not yet at {settings.path}: torchvision will download 170 MB, which needs a network"
            return [warning(subject, story)], assumed(config, 50_000, 10_000)
        images, classes, test, names, remarks = load_originals(settings)
        check_classes(classes, len(names), f"shard_original.source = '{settings.source}'")
        size = _split(config, classes[~test], int(test.sum()), len(names))
    except (InputError, MemoryError) as error:
        return [failure(subject, f"{denied(error, 'shard_original') or error}; shard_original says where it is")], None
    findings = _agree(config, size, names, subject) + [warning(subject, remark) for remark in remarks]
    sides = " x ".join(map(str, images.shape[1:]))
    return findings or [
        ok(subject, f"{size.train + size.validation} training and {size.test} test images, {sides}")
    ], size


def find_originals(config: Config) -> Finding:
    """Whether they are there, without reading them."""
    settings, subject = config.shard_original, f"original data ({config.shard_original.source})"
    if settings.source == "none":
        return none_given()
    if settings.source == "digits":
        return ok(subject, "comes with scikit-learn")
    path = settings.place()
    if settings.source == "npz" and not path.is_file():
        return failure(subject, f"no file {path}; set shard_original.path")
    if settings.source == "npz" and not zipfile.is_zipfile(path):
        return failure(subject, f"{path} is no .npz file; get it again")
    if settings.source == "folder" and not all((path / part).is_dir() for part in ("train", "test")):
        return failure(subject, f"{path} has no train/ and test/ with a folder for each class; set shard_original.path")
    if settings.source == "cifar10" and not _is_downloaded(settings):
        return warning(subject, f"not yet at {path}: torchvision will download 170 MB, which needs a network")
    return ok(subject, f"{path} is there")


def none_given() -> Finding:
    """That there are no original images is no fault."""
    return ok("original data", "none: what is made is judged by the teacher alone, without a test accuracy")


def assumed(config: Config, train: int = ASSUMED, test: int = ASSUMED // 5) -> DataSize:
    """A size for data that cannot be counted."""
    settings = config.shard_original
    if settings.source == "none":
        teacher = complete(config.teacher)
        return DataSize(train, 0, test, teacher.channels, teacher.size, teacher.size, teacher.classes)
    count = min(train, settings.limit) if settings.limit else train
    validation = round(count * settings.validation_fraction)
    return _sized(config, count - validation, validation, test, config.teacher.classes or 10)


def synthetic_size(config: Config, source: str) -> DataSize:
    """The size of a synthetic data set, which the configuration says."""
    said, teacher = config.synthetic_data()[source], complete(config.teacher)
    count = said.synthesis.images * said.synthesis.generations
    validation = round(count * said.shard_dataset.validation_fraction)
    stored = said.invert_teacher.canvas_sides(teacher.size)
    return DataSize(count - validation, validation, 0, teacher.channels, stored, teacher.size, teacher.classes)


def data_sizes(config: Config, original: DataSize | None) -> dict[str, DataSize]:
    """The size of every data set that a configuration speaks of."""
    synthetic = {name: synthetic_size(config, name) for name in config.synthetic_data()}
    images = {ORIGINAL: original or assumed(config), **synthetic}
    return images | {name: images[variant.images] for name, variant in config.variants.items()}


def _split(config: Config, classes: np.ndarray, test: int, names: int) -> DataSize:
    settings = config.shard_original
    kept = classes[limited(classes, settings.limit, settings.seed)]
    validation = int(held_out(kept, settings.validation_fraction, settings.seed, "validation").sum())
    return _sized(config, len(kept) - validation, validation, test, names)


def _sized(config: Config, train: int, validation: int, test: int, classes: int) -> DataSize:
    settings = config.shard_original
    return DataSize(train, validation, test, len(settings.mean), settings.size, settings.size, classes)


def _agree(config: Config, size: DataSize, names: tuple[str, ...], subject: str) -> list[Finding]:
    """Complaints where images and teacher are not of one task."""
    teacher = config.teacher
    findings = [
        failure(subject, f"{name} {ours}, but teacher.{name} is {theirs}; make shard_original and teacher agree")
        for name, ours, theirs in [
            ("classes", size.classes, teacher.classes),
            ("channels", size.channels, teacher.channels),
            ("size", size.size, teacher.size),
        ]
        if theirs is not None and ours != theirs
    ]
    if teacher.class_names:
        try:
            check_same_order(names, teacher.class_names, "shard_original", "teacher.class_names")
        except InputError as error:
            findings.append(failure(subject, str(error)))
    return findings


def _check_folder(config: Config, subject: str) -> tuple[list[Finding], DataSize]:
    """Lists the images of `train/` and `test/`, and reads one of each class."""
    from dfnas.dataset.folders import find_pictures, read_pictures  # needs pillow

    settings = config.originals()
    files = find_pictures(settings.place())
    first = {label: path for path, label in reversed(files.train)}
    read_pictures(list(first.values()), settings.size, len(settings.mean))
    places, names, order = ordered(settings, files.classes)
    classes = places[[label for _, label in files.train]]
    size = _split(config, classes, len(files.test), len(names))
    story = f"{len(files.train)} training and {len(files.test)} test images of {size.classes} classes"
    remarks = [warning(subject, remark) for remark in (*files.remarks, *order)]
    return [*_agree(config, size, names, subject), *remarks] or [ok(subject, story)], size


def _is_downloaded(settings: ShardOriginalSettings) -> bool:
    return (settings.place() / "cifar-10-batches-py").is_dir()
