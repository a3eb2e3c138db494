"""The quality of a generation of synthetic images, judged without any original one.

Shapes: B batch, C channels, D features, K classes.
"""

from contextlib import ExitStack
from typing import Any

import torch

from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.generations import LabelledImages
from dfnas.measure.agreement import nearer_to_chance
from dfnas.measure.class_similarity import similarity_correlation
from dfnas.measure.diversity import ClassDiversity, UnitMoments
from dfnas.measure.features import Head, PenultimateFeatures, class_weights, final_layer
from dfnas.measure.soft_labels import LabelStatistics
from dfnas.measure.statistics import NormStatistics, norm_layers
from dfnas.runtime.errors import InputError
from dfnas.synthesis.inversion_targets import doubt, seen_by

NO_HEAD = "the teacher's logits do not come from a linear layer or a 1 x 1 convolution"
CONSTANT = "labels or weights are the same for all pairs of classes"


class Quality:
    """A context that takes in a generation batch by batch and then reports.

    Its memory does not grow with the images: everything is kept as sums.

    Args:
        teacher: what the images were made from.
        verifier: a network that had no part in them, or None.
    """

    def __init__(self, teacher: Teacher, verifier: Teacher | None = None):
        self._teacher, self._verifier = teacher, verifier
        self._hooks = ExitStack()
        self._layer: Head | None = None
        self._features: PenultimateFeatures | None = None
        self._norms = NormStatistics(norm_layers(teacher.network, teacher.batch_norms()))
        self._labels, self._targets = (LabelStatistics(teacher.spec.classes) for _ in range(2))
        self._verified = 0
        self._moments: tuple[UnitMoments, ClassDiversity] | None = None

    def __enter__(self) -> "Quality":
        return self

    def __exit__(self, *error: object) -> None:
        self._hooks.close()

    @torch.no_grad()
    def add(self, batch: LabelledImages) -> None:
        """Takes in some images of the generation.

        Raises:
            InputError: logits that are not finite.
        """
        pixels = seen_by(self._teacher, batch.images)
        if self._features is None:
            self._features = self._watch(pixels[:1])
        self._labels.add(batch.labels, batch.classes)
        self._targets.add(batch.targets, batch.classes)
        _check(self._teacher(pixels), "the teacher")
        features = self._features.take()
        if features is not None:
            self._add_features(features, batch.classes)
        if self._verifier is not None:
            logits = self._verifier(seen_by(self._verifier, batch.images))
            _check(logits, "the verifier")
            self._verified += (logits.argmax(1).cpu() == batch.classes).sum().item()

    def _watch(self, example: torch.Tensor) -> PenultimateFeatures:
        """Finds the final layer, then hooks what is measured; in this order, or the example would count."""
        self._layer = final_layer(self._teacher, self._teacher.spec.classes, example)
        features = self._hooks.enter_context(PenultimateFeatures(self._layer))
        self._hooks.enter_context(self._norms)
        return features

    def _add_features(self, features: torch.Tensor, classes: torch.Tensor) -> None:
        if self._moments is None:
            width, device = features.shape[1], features.device
            self._moments = UnitMoments(width, device), ClassDiversity(width, self._teacher.spec.classes, device)
        overall, by_class = self._moments
        overall.add(features)
        by_class.add(features, classes)

    def report(self) -> dict[str, Any]:
        """Plain values; None for what this teacher or this configuration does not have."""
        labels, count = self._labels, int(self._labels.counts.sum())
        verified = None if self._verifier is None else self._verified / count
        return {
            "images": count,
            "teacher_agreement": labels.agreement(),
            "verifier_agreement": verified,
            "target_probability": labels.target_probability(),
            "labels": labels.confidence(),
            "targets": self._targets.confidence(),
            "class_similarity": self._similarity(),
            "diversity": self._diversity(),
            "batch_norm": self._norm_distances(),
            "agreement_by_class": labels.agreement_by_class(),
            "classes_of_one_image": labels.classes_of_one_image(),
            "verdict": verdict(labels.agreement(), verified, self._teacher.spec.classes),
        }

    def _similarity(self) -> dict[str, Any]:
        if self._layer is None:
            return {"correlation": None, "reason": NO_HEAD}
        value = similarity_correlation(self._labels.mean_by_class(), class_weights(self._layer))
        return {"correlation": value, "reason": CONSTANT if value is None else None}

    def _diversity(self) -> dict[str, Any]:
        names = ("cosine_distance", "vendi_score")
        if self._moments is None:
            return {"features": None, **dict.fromkeys(names), "reason": NO_HEAD}
        overall, by_class = self._moments
        both = (("overall", overall), ("within_class", by_class))
        values = {name: {where: getattr(moments, name)() for where, moments in both} for name in names}
        values["vendi_score"]["classes"] = len(by_class.moments)
        return {"features": len(overall.sum), **values, "reason": None}

    def _norm_distances(self) -> dict[str, Any] | None:
        layers = self._norms.distances()
        if not layers:
            return None
        means = (sum(values) / len(layers) for values in zip(*layers.values(), strict=True))
        by_layer = {name: distance._asdict() for name, distance in layers.items()}
        return dict(zip(("mean", "variance"), means, strict=True)) | {"layers": by_layer}


def verdict(agreement: float, verified: float | None, classes: int) -> str:
    """What the agreements with the classes that images were made for mean, and what to do where they are low.

    Args:
        agreement: of the teacher, a share of the images.
        verified: that of a verifier, or None.
        classes: K.
    """
    sees = f"the teacher sees the class that an image was made for in {agreement:.1%} of them"
    doubted = doubt(agreement, classes)
    said = doubted or f"{sees} (by chance {1 / classes:.1%})"
    if verified is None:
        return said
    alone = doubted is None and nearer_to_chance(verified, classes)
    other = ": it sees much less of it than the teacher does" if alone else ""
    return f"{said}; the verifier, which had no part in them, in {verified:.1%}{other}"


def _check(logits: torch.Tensor, whose: str) -> None:
    if not logits.isfinite().all():
        raise InputError(f"the logits of {whose} on the synthetic images are not finite; check its checkpoint")
