"""Original images in folders: `train/` and `test/`, each with a folder of pictures per class.

Shapes: N images, C channels, H W space.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from dfnas.dataset.class_order import natural_order
from dfnas.dataset.pictures import ENDINGS, read_picture
from dfnas.runtime.errors import InputError, reason
from dfnas.runtime.limits import denied, needing

LITTER = ("__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found")
"""What systems leave in folders, in lower case; of what they hide with a dot nothing is taken at all."""

MOST_PIXELS = 100_000_000
"""Of a picture before its centre is cut out."""

NAMED = 4
"""Broken files that are named beside the first."""


class Files(NamedTuple):
    """The pictures of a folder with `train/` and `test/`."""

    classes: tuple[str, ...]
    """Names of the class folders, in natural order."""
    train: list[tuple[Path, int]]
    """Each file with its class."""
    test: list[tuple[Path, int]]
    remarks: tuple[str, ...]
    """What a reader should know of what was left out."""


def find_pictures(place: Path) -> Files:
    """Lists the pictures, without reading them.

    Raises:
        InputError: no `train/` and `test/` with the same class folders, or a class folder without a picture.
    """
    found: list[dict[str, list[Path]]] = []
    left_out: Counter[str] = Counter()
    for part in ("train", "test"):
        folder = place / part
        if not folder.is_dir():
            raise InputError(
                f"shard_original.path: no folder {folder}; expected train/ and test/ with a folder per class"
            )
        found.append({name: _pictures(folder / name, left_out) for name in class_folders(folder)})
    if list(found[0]) != list(found[1]):
        alone = natural_order(found[0].keys() ^ found[1].keys())
        more = f" ({len(alone)} such folders)" if len(alone) > 1 else ""
        raise InputError(
            f"{place}: train/ and test/ do not have the same class folders: '{alone[0]}' is only in one of them{more}"
        )
    for part, classes in zip(("train", "test"), found, strict=True):
        for name, files in classes.items():
            if not files:
                raise InputError(f"{place / part / name} has no picture ({', '.join(ENDINGS)}); expected one or more")
    train, test = (
        [(path, label) for label, files in enumerate(classes.values()) for path in files] for classes in found
    )
    return Files(tuple(found[0]), train, test, _remarks(place, left_out))


def class_folders(folder: Path) -> list[str]:
    """The names of the class folders in `train/` or `test/`, in natural order."""
    return natural_order(entry.name for entry in folder.iterdir() if entry.is_dir() and not _litter(entry.name))


def read_pictures(files: Sequence[Path], size: tuple[int, int], channels: int) -> np.ndarray:
    """Pictures uint8 (N, C, H, W), each scaled until it covers (H, W), its centre cut out; grey for one channel, else
    RGB.

    Raises:
        InputError: files that are no pictures, or of which nobody knows what to see: the first of them, and how many
            there are.
    """
    from torchvision.transforms.v2 import functional

    shape = (len(files), 1 if channels == 1 else 3, *size)
    with needing(f"{len(files)} images of {size[0]} x {size[1]}", int(np.prod(shape)), "set shard_original.size lower"):
        images = np.empty(shape, np.uint8)
    faults: list[tuple[Path, str]] = []
    for row, path in enumerate(files):
        try:
            picture = covering(read_picture(path, grey=channels == 1), size)
            images[row] = functional.pil_to_tensor(functional.center_crop(picture, list(size))).numpy()
        except Exception as error:  # what a broken file leads PIL to
            if denied(error):
                raise
            faults.append((path, _fault(error)))
    if faults:
        raise InputError(_story(faults, len(files)))
    return images


def _story(faults: Sequence[tuple[Path, str]], files: int) -> str:
    """What is wrong with some of so many files, in a line."""
    (path, fault), *others = faults
    if not others:
        return f"{path}: {fault}; mend it, or take it out of the folder"
    names = [str(other) for other, _ in others[:NAMED]]
    names += ["…"] if len(others) > NAMED else []
    return (
        f"{path}: {fault} ({len(faults)} of {files} files like that, others are {', '.join(names)}); mend them, or "
        "take them out of the folder"
    )


def covering(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scales a picture, its proportions kept, until it just covers (height, width).

    Raises:
        ValueError: it is so narrow that it would take the memory.
    """
    from torchvision.transforms.v2 import functional

    (width, height), (least_height, least_width) = picture.size, size
    if height * least_width <= width * least_height:  # the height decides
        sides = [least_height, int(least_height * width / height)]
    else:
        sides = [int(least_width * height / width), least_width]
    if sides[0] * sides[1] > MOST_PIXELS:
        raise ValueError(f"is {width} x {height} pixels, too narrow to be scaled until it covers {size[0]} x {size[1]}")
    return functional.resize(picture, sides)


def _pictures(folder: Path, left_out: Counter) -> list[Path]:
    """Files below a class folder, in torchvision's order; counts, by their endings, those that are no pictures."""
    files = []
    for root, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not _litter(name)]
        for name in names:
            path = Path(root, name)
            if path.suffix.lower() in ENDINGS and not _litter(name):
                files.append(path)
            elif not _litter(name):
                left_out[path.suffix.lower() or name] += 1
    return sorted(files, key=lambda path: (str(path.parent), path.name))


def _litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in LITTER


def _remarks(place: Path, left_out: Counter) -> tuple[str, ...]:
    if not left_out:
        return ()
    kinds = ", ".join(f"{count} of {ending}" for ending, count in left_out.most_common(5))
    return (f"{place}: {left_out.total()} files are left out, being no pictures by their names ({kinds})",)


def _fault(error: Exception) -> str:
    """What is wrong with a picture: PIL names the file in some of its words, and not in others."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "is no picture, or of a format that is not read"
    if isinstance(error, Image.DecompressionBombError):
        return f"is too large: {reason(error).partition(',')[0]}"
    return reason(error)
