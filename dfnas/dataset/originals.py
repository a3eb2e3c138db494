"""Original data sets, each as training and test images of one size. The only door by which real images enter.

Shapes: N images, C channels, H W space.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from dfnas.dataset.split import held_out
from dfnas.runtime.errors import InputError
from dfnas.runtime.packages import required
from dfnas.runtime.paths import expanded
from dfnas.settings.dataset import ShardOriginalSettings


class Originals(NamedTuple):
    """Images uint8 (N, C, H, W), their classes int64 (N,), which of them are for the test, bool (N,), and the
    names of the classes, if the source has any."""

    images: np.ndarray
    classes: np.ndarray
    test: np.ndarray
    class_names: tuple[str, ...]


def load_originals(settings: ShardOriginalSettings) -> Originals:
    """The configured source, resized.

    Raises:
        InputError: the source is absent or is not what it should be.
    """
    source = {"digits": _digits, "npz": _npz, "cifar10": _cifar10, "folder": _folder}[settings.source]
    images, classes, test, names = source(settings)
    if images.shape[1] != len(settings.mean):
        raise InputError(
            f"shard_original: images have {images.shape[1]} channels, but mean has {len(settings.mean)} values"
        )
    names = names or tuple(str(label) for label in range(int(classes.max()) + 1))
    return Originals(_resized(images, settings.size), classes.astype(np.int64), test, names)


def _digits(settings: ShardOriginalSettings) -> Originals:
    """The 1,797 digits of 8 x 8 pixels and 17 grey levels that come with scikit-learn (Alpaydin and Kaynak 1998)."""
    digits = required("sklearn.datasets", "digits", "shard_original.source = 'digits'").load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[:, None]  # (N, 1, 8, 8)
    return Originals(images, digits.target, held_out(digits.target, settings.test_fraction, settings.seed, "test"), ())


def _npz(settings: ShardOriginalSettings) -> Originals:
    path = _path(settings)
    if not path.is_file():
        raise InputError(f"no file {path} (shard_original.path)")
    try:
        with np.load(path, allow_pickle=False) as archive:
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
    for images, name in (("x_train", "y_train"), ("x_test", "y_test")):
        labels, count = parts[name], len(parts[images])
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
        train, test = (CIFAR10(_path(settings), train=train, download=True) for train in (True, False))
    except (RuntimeError, OSError) as error:
        raise InputError(f"CIFAR-10 cannot be had at {_path(settings)}: {error}") from error
    images = np.concatenate([train.data, test.data]).transpose(0, 3, 1, 2)
    classes = np.array([*train.targets, *test.targets])
    return Originals(images, classes, np.arange(len(images)) >= len(train.data), tuple(train.classes))


def _folder(settings: ShardOriginalSettings) -> Originals:
    """`train/` and `test/` with a folder of images per class, as torchvision's ImageFolder takes them."""
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    grey = [v2.Grayscale()] if len(settings.mean) == 1 else []  # files come as RGB, whatever they are
    view = v2.Compose([*grey, _Covering(settings.size), v2.CenterCrop(settings.size), v2.PILToTensor()])
    try:
        parts = [ImageFolder(str(_path(settings) / name), view) for name in ("train", "test")]
    except (FileNotFoundError, OSError) as error:
        raise InputError(f"shard_original.path: {error}; expected train/ and test/ with a folder per class") from error
    if parts[0].classes != parts[1].classes:
        raise InputError(f"{_path(settings)}: train/ and test/ do not have the same class folders")
    images = np.stack([image.numpy() for part in parts for image, _ in part])
    classes = np.array([label for part in parts for label in part.targets])
    return Originals(images, classes, np.arange(len(images)) >= len(parts[0]), tuple(parts[0].classes))


def given_files(settings: ShardOriginalSettings) -> list[Path]:
    """The file that the images come from, where it is one. Raises InputError as `load_originals` does."""
    return [_path(settings)] if settings.source == "npz" else []


def _path(settings: ShardOriginalSettings) -> Path:
    return Path(expanded(settings.path or "", "shard_original.path"))


class _Covering:
    """Scales a picture, its proportions kept, until it just covers (height, width)."""

    def __init__(self, size: tuple[int, int]):
        self.size = size

    def __call__(self, picture):
        from torchvision.transforms.v2 import functional

        (width, height), (least_height, least_width) = picture.size, self.size
        if height * least_width <= width * least_height:  # the height decides
            covering = [least_height, int(least_height * width / height)]
        else:
            covering = [int(least_width * height / width), least_width]
        return functional.resize(picture, covering)


def _resized(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear with antialiasing, in pieces that keep the memory small."""
    if images.shape[2:] == size:
        return np.ascontiguousarray(images)
    pieces = []
    for piece in torch.from_numpy(np.ascontiguousarray(images)).split(4096):
        scaled = F.interpolate(piece.float(), size, mode="bilinear", antialias=True, align_corners=False)
        pieces.append(scaled.round().clamp(0, 255).to(torch.uint8).numpy())
    return np.concatenate(pieces)
