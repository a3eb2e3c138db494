"""predictions.csv: what a network says of every test image, a line each."""

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch

from dfnas.artifacts.lines import Line, decimals
from dfnas.runtime.errors import InputError, rebuild


class Prediction(Line):
    """Of one image."""

    image: int
    """Its place in the test split."""
    target: int
    """Its class."""
    predicted: int
    """The class that the network finds most probable."""
    confidence: Annotated[float, decimals(6)]
    """That probability."""


class Predictions(NamedTuple):
    """Columns over the N images of a test split, in its order."""

    targets: np.ndarray
    """int64 (N,)."""
    predicted: np.ndarray
    """int64 (N,)."""

    @property
    def wrong(self) -> np.ndarray:
        """bool (N,): whether the network errs."""
        wrong: np.ndarray = self.predicted != self.targets
        return wrong


def write_predictions(path: Path, targets: torch.Tensor, predicted: torch.Tensor, confidence: torch.Tensor) -> None:
    """Writes targets and predicted classes, int64 (N,), and confidences (N,)."""
    columns = zip(targets.tolist(), predicted.tolist(), confidence.tolist(), strict=True)
    lines = (
        Prediction(image=image, target=target, predicted=label, confidence=sure)
        for image, (target, label, sure) in enumerate(columns)
    )
    Prediction.write(path, lines)


def read_predictions(path: Path) -> Predictions:
    """Reads what `write_predictions` wrote. Raises InputError, see `Line.read`, also unless there is one line for each
    image in order."""
    lines = Prediction.read(path)
    if not lines or any(line.image != place for place, line in enumerate(lines)):
        raise InputError(f"{path} has lines missing: expected one for each test image; {rebuild(path)}")
    return Predictions(np.array([line.target for line in lines]), np.array([line.predicted for line in lines]))
