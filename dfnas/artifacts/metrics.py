"""metrics.json: what `evaluate` measured of a network on the original test images, or, where there are none, what it
can say without them.

Trained networks and the teacher have the same figures; they differ in what says which network it is.
"""

from pathlib import Path
from typing import Any, Literal

from dfnas.artifacts.document import Document, Number, Whole
from dfnas.artifacts.identity import TEACHER, Identity, OfNetwork
from dfnas.runtime.files import read_json

Tested = Number | None
"""None where there are no original images to test by."""


class Figures(Document):
    """What was measured. Errors and other shares are of 1."""

    top1_error: Tested
    top5_error: Tested
    class_accuracy: list[Number]
    """Of each class, in the order of the logits; of none without original images."""
    ece: Tested
    """Expected calibration error."""
    nll: Tested
    """Mean negative log-likelihood of the labels."""
    temperature: Number | None
    """Fitted on held-out images; none where there are none that the network has not been trained on."""
    ece_scaled: Number | None
    """ECE with the logits over the temperature."""
    teacher_agreement: Number
    """Share of the test images in which network and teacher see the same class; without original ones, of held-out
    images of the data that the network learnt from."""
    parameters: Whole
    macs: Whole
    """Multiply-accumulates of an image."""
    test_images: Whole
    """Original ones."""
    held_out_images: Whole
    """Of the data that the network learnt from, by which it was chosen."""
    classes: Whole
    provenance: dict[str, Any]


class _OfNetwork(OfNetwork, Document):
    space: str
    architecture: str
    """Its file, by its name in the folder of results."""
    validation_error: Number


class _OfTeacher(Document):
    algorithm: Literal["teacher"]
    space: str
    """What builds it."""
    search_data: Literal[""]
    retrain_data: Literal[""]
    seed: Literal[""]
    architecture: Literal[""]
    validation_error: Literal[""]


class NetworkMetrics(Figures, _OfNetwork):
    """Of a trained network."""


class TeacherMetrics(Figures, _OfTeacher):
    """Of the teacher, which has no data, no seed, no architecture and no validation error."""

    @property
    def identity(self) -> Identity:
        return Identity(TEACHER)


Metrics = NetworkMetrics | TeacherMetrics


def read_metrics(path: Path) -> Metrics:
    """Reads what was measured of a network or of the teacher. Raises InputError, see `Document.read`."""
    document = read_json(path)
    kind = TeacherMetrics if document.get("algorithm") == TEACHER else NetworkMetrics
    return kind.of(document, path)
