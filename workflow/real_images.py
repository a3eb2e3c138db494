"""Whether the original images are of the teacher's task, as far as the configuration and a look at their files tell,
before anything is planned: the stage that reads them may come hours later."""

import zipfile

from dfnas.runtime.errors import InputError
from dfnas.settings.config import Config
from dfnas.settings.dataset import ShardOriginalSettings

KNOWN = {"digits": 10, "cifar10": 10}
"""Classes of the sources that are always the same."""


def check_task(config: Config) -> None:
    """Raises InputError where the original images have another size, or other channels or classes than the teacher
    takes. (What is not there, or cannot be read, is the stage's to say.)"""
    images, teacher = config.shard_original, config.teacher
    if not config.has_originals:
        return
    remedy = "describe its own images in shard_original, or set shard_original.source to none"
    for name, found, expected in (
        ("size", _sides(images.size), _sides(teacher.size)),
        ("channels", len(images.mean), teacher.channels),
        ("classes", _counted(images), teacher.classes),
    ):
        if None not in (found, expected) and found != expected:
            raise InputError(
                f"shard_original ({images.source}): its images have {name} {found}, expected {expected} as "
                f"teacher.{name}; {remedy}"
            )


def _sides(size: tuple[int, int] | None) -> str | None:
    return size and " x ".join(map(str, size))


def _counted(settings: ShardOriginalSettings) -> int | None:
    """How many classes a source has; None where that is not seen."""
    if settings.source in KNOWN:
        return KNOWN[settings.source]
    try:
        if settings.source == "folder":
            from dfnas.dataset.folders import class_folders  # needs pillow

            return len(class_folders(settings.place() / "train"))
        if settings.source == "npz":
            import numpy as np

            with np.load(settings.place(), allow_pickle=False) as archive:
                return int(max(archive[name].max() for name in ("y_train", "y_test"))) + 1
    except (InputError, OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
        return None
    return None
