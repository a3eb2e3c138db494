"""Original data sets, each as training and test images of one size. The only door by which real images enter.

Shapes: N images, C channels, H W space.
"""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from dfnas.dataset.class_order import numbers, positions
from dfnas.dataset.split import held_out
from dfnas.runtime.errors import InputError
from dfnas.runtime.limits import needing
from dfnas.runtime.packages import required
from dfnas.settings.dataset import ShardOriginalSettings


class Originals(NamedTuple):
    """Images uint8 (N, C, H, W), their classes int64 (N,), which of them are for the test, bool (N,), the names of the
    classes, if the source has any, and what a reader should know of it all."""

    images: np.ndarray
    classes: np.ndarray
    test: np.ndarray
    class_names: tuple[str, ...]
    remarks: tuple[str, ...] = ()


_NATURAL = (
    "the classes are in natural order ({}, ...); a teacher that was trained on torchvision's ImageFolder has them as "
    "{}, ...: say so in teacher.class_names"
)
_BY_ORDER = (
    "the classes ({}, ...) are not named as in class_names ({}, ...): they are taken to be the same ones, in the same "
    "order"
)


def load_originals(settings: ShardOriginalSettings) -> Originals:
    """The configured source, resized.

    Raises:
        InputError: the source is absent or is not what it should be.
    """
    if settings.source == "none":
        raise InputError("shard_original.source = 'none': there are no original images; describe some, or do without")
    source = {"digits": _digits, "npz": _npz, "cifar10": _cifar10, "folder": _folder}[settings.source]
    images, classes, test, names, remarks = source(settings)
    if images.shape[1] != len(settings.mean):
        raise InputError(
            f"shard_original: images have {images.shape[1]} channels, but mean has {len(settings.mean)} values"
        )
    places, names, order = ordered(settings, names or numbers(int(classes.max(initial=0)) + 1))
    size = len(images) * images.shape[1] * settings.size[0] * settings.size[1]
    with needing(f"the original images ({settings.source})", size, "set shard_original.size lower"):
        return Originals(_resized(images, settings.size), places[classes], test, names, (*remarks, *order))


def ordered(
    settings: ShardOriginalSettings, found: tuple[str, ...]
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """The number of each class that a source has, int64 (K,), their names in that order, and remarks.

    Args:
        found: names of the K classes as the source numbers them.

    Raises:
        InputError: a single class, or classes that are not those of `class_names`.
    """
    where = f"shard_original.source = '{settings.source}'"
    if len(found) < 2:
        raise InputError(f"{where} has the classes [{', '.join(found)}], expected 2 or more to tell apart")
    own, wanted = np.arange(len(found)), settings.class_names
    if not wanted:
        other = settings.source == "folder" and sorted(found)  # where ImageFolder would have numbered otherwise
        orders = (", ".join(names[:3]) for names in (found, other or found))
        return own, found, (_NATURAL.format(*orders),) if other and other != list(found) else ()
    places = positions(found, wanted, where, "class_names")
    if places is not None:
        return np.array(places), tuple(wanted), ()
    if len(found) != len(wanted):
        raise InputError(f"{where} has {len(found)} classes, but class_names has {len(wanted)} names")
    if found == numbers(len(found)):
        return own, tuple(wanted), ()
    return own, found, (_BY_ORDER.format(*(", ".join(names[:3]) for names in (found, wanted))),)


def _digits(settings: ShardOriginalSettings) -> Originals:
    """The 1,797 digits of 8 x 8 pixels and 17 grey levels that come with scikit-learn (Alpaydin and Kaynak 1998)."""
    digits = required("sklearn.datasets", "digits", "shard_original.source = 'digits'").load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[:, None]  # (N, 1, 8, 8)
    return Originals(images, digits.target, held_out(digits.target, settings.test_fraction, settings.seed, "test"), ())


def _npz(settings: ShardOriginalSettings) -> Originals:
    path = settings.place()
    if not path.is_file():
        raise InputError(f"no file {path} (shard_original.path)")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        with (
            needing(f"the arrays of {path}", size, "keep fewer images in it"),
            np.load(path, allow_pickle=False) as archive,
        ):
            parts = {name: archive[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    except KeyError as error:
        raise InputError(f"{path}: {error.args[0]}; expected x_train, y_train, x_test, y_test") from error
    except Exception as error:  # numpy and zipfile raise what the broken bytes lead them to
        raise InputError(f"{path} cannot be read as an .npz of plain arrays: {error}") from error
    for name in ("x_train", "x_test"):
        if parts[name].dtype != np.uint8 or parts[name].ndim != 4:
            raise InputError(f"{path}: {name} is {parts[name].dtype} {parts[name].shape}, expected uint8 (N, H, W, C)")
    if parts["x_train"].shape[1:] != parts["x_test"].shape[1:]:
        shapes = (parts["x_train"].shape[1:], parts["x_test"].shape[1:])
        raise InputError(f"{path}: images of x_train are {shapes[0]}, those of x_test {shapes[1]}; expected the same")
    for of, name in (("x_train", "y_train"), ("x_test", "y_test")):
        labels, count = parts[name], len(parts[of])
        if labels.dtype.kind not in "iu" or labels.shape not in ((count,), (count, 1)) or labels.min(initial=0) < 0:
            raise InputError(
                f"{path}: {name} is {labels.dtype} {labels.shape}, expected a class, from 0 on, for each of {count}"
            )
        if labels.max(initial=0) >= max(count, len(parts["x_train"])):
            raise InputError(
                f"{path}: {name} has the class {labels.max()}, more than there are images; number from 0 on"
            )
    images = np.concatenate([parts["x_train"], parts["x_test"]]).transpose(0, 3, 1, 2)
    classes = np.concatenate([parts["y_train"].reshape(-1), parts["y_test"].reshape(-1)])
    return Originals(images, classes, np.arange(len(images)) >= len(parts["x_train"]), ())


def _cifar10(settings: ShardOriginalSettings) -> Originals:
    from torchvision.datasets import CIFAR10

    try:
        train, test = (CIFAR10(settings.place(), train=train, download=True) for train in (True, False))
    except (RuntimeError, OSError) as error:
        raise InputError(f"CIFAR-10 cannot be had at {settings.place()}: {error}") from error
    images = np.concatenate([train.data, test.data]).transpose(0, 3, 1, 2)
    classes = np.array([*train.targets, *test.targets])
    return Originals(images, classes, np.arange(len(images)) >= len(train.data), tuple(train.classes))


def _folder(settings: ShardOriginalSettings) -> Originals:
    from dfnas.dataset.folders import find_pictures, read_pictures  # needs pillow

    files = find_pictures(settings.place())
    samples = [*files.train, *files.test]
    images = read_pictures([path for path, _ in samples], settings.size, len(settings.mean))
    classes = np.array([label for _, label in samples])
    return Originals(images, classes, np.arange(len(images)) >= len(files.train), files.classes, files.remarks)


def given_files(settings: ShardOriginalSettings) -> list[Path]:
    """The file that the images come from, where it is one. Raises InputError as `load_originals` does."""
    return [settings.place()] if settings.source == "npz" else []


def _resized(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear with antialiasing, in pieces that keep the memory small."""
    if images.shape[2:] == size:
        return np.ascontiguousarray(images)
    pieces = []
    for piece in torch.from_numpy(np.ascontiguousarray(images)).split(4096):
        scaled = F.interpolate(piece.float(), size, mode="bilinear", antialias=True, align_corners=False)
        pieces.append(scaled.round().clamp(0, 255).to(torch.uint8).numpy())
    return np.concatenate(pieces)
