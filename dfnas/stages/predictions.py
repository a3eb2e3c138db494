"""What a network said of every test image: one line an image, as `evaluate` leaves it for others."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import read_csv, write_csv

COLUMNS = ("image", "target", "predicted", "confidence")


class Predictions(NamedTuple):
    """Columns over the N images of a test split, in its order."""

    targets: np.ndarray
    """int64 (N,), the class of each."""
    predicted: np.ndarray
    """int64 (N,), the class that the network finds most probable."""

    @property
    def wrong(self) -> np.ndarray:
        """bool (N,): whether the network errs."""
        return self.predicted != self.targets


def write_predictions(path: Path, targets: torch.Tensor, predicted: torch.Tensor, confidence: torch.Tensor) -> None:
    """Writes targets and predicted classes, int64 (N,), and confidences (N,) to six decimals."""
    columns = zip(targets.tolist(), predicted.tolist(), confidence.tolist(), strict=True)
    rows = ((image, target, label, f"{sure:.6f}") for image, (target, label, sure) in enumerate(columns))
    write_csv(path, COLUMNS, (dict(zip(COLUMNS, row, strict=True)) for row in rows))


def read_predictions(path: Path) -> Predictions:
    """Reads what `write_predictions` wrote.

    Raises:
        InputError: the file is absent, or is not one line for each image in order.
    """
    rows = read_csv(path, COLUMNS)
    try:
        images, targets, predicted = (np.array([int(row[name]) for row in rows]) for name in COLUMNS[:3])
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} has no predictions in it; {rebuild(path)}") from error
    if not len(images) or (images != np.arange(len(images))).any():
        raise InputError(f"{path} has lines missing: expected one for each test image; {rebuild(path)}")
    return Predictions(targets, predicted)
