"""The report of `assess_images` on a generation. None is what this teacher or this configuration does not have."""

from typing import Any

from dfnas.artifacts.document import Document, Number, Part, Whole

Figure = Number | None


class Confidence(Part):
    """Of soft labels."""

    entropy_nats: Figure
    top5_mass: Figure


class ClassSimilarity(Part):
    """Of soft labels and the teacher's final layer."""

    correlation: Figure
    reason: str | None
    """Why there is none."""


class Spread(Part):
    """How much images differ from one another."""

    overall: Figure
    within_class: Figure


class VendiScore(Spread):
    """An effective number of images."""

    classes: Whole


class Diversity(Part):
    """Of the images' features."""

    features: Whole | None
    """How many."""
    cosine_distance: Spread | None
    vendi_score: VendiScore | None
    reason: str | None
    """Why there are none."""


class NormDistance(Part):
    """From the running statistics of BatchNorm."""

    mean: Figure
    variance: Figure


class NormDistances(NormDistance):
    """Means over the layers, and each of them."""

    layers: dict[str, NormDistance]


class QualityReport(Document):
    """Of a generation, see `dfnas.synthesis.quality`."""

    generation: Whole
    images: Whole
    teacher_agreement: Number
    verifier_agreement: Figure
    target_probability: Number
    labels: Confidence
    targets: Confidence
    class_similarity: ClassSimilarity
    diversity: Diversity
    batch_norm: NormDistances | None
    agreement_by_class: list[Figure]
    """None for a class of fewer than two images."""
    classes_of_one_image: Whole
    verdict: str
    """What the agreements mean, in words."""
    provenance: dict[str, Any]
