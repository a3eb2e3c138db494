"""The report of `calibrate_labels`: how far a teacher's answers are from what a generation's images were made for."""

from typing import Any

from dfnas.artifacts.document import Document, Number, Whole


class Calibration(Document):
    """Of a generation, see `calibration_report`."""

    generation: Whole
    images: Whole
    agreement: Number
    entropy_before_nats: Number
    entropy_after_nats: Number
    label_shift: Number
    doubt: str | None
    """What looks wrong."""
    provenance: dict[str, Any]
