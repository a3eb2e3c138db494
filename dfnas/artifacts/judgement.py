"""The report of `judge_images`: synthetic images judged by original ones."""

from typing import Any

from dfnas.artifacts.document import Document, Number, Part, Whole


class GenerationDistance(Part):
    generation: Whole
    distance: Number


class FrechetDistance(Part):
    """From the original test images, in the teacher's features."""

    features: Whole | None
    """How many."""
    overall: Number | None
    generations: list[GenerationDistance]
    reason: str | None
    """Why there is none."""


class Student(Part):
    """A network that learnt from the synthetic images alone."""

    builder: str
    parameters: Whole
    train_images: Whole
    validation_accuracy: Number
    """Against the teacher's labels."""
    test_accuracy: Number
    test_top5_accuracy: Number


class Judgement(Document):
    test_images: Whole
    frechet_distance: FrechetDistance
    student: Student
    provenance: dict[str, Any]
