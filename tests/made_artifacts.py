"""Artifacts with made-up values, in the form in which the stages leave them; each takes what is to be different."""

from typing import Any

from dfnas.artifacts.calibration import Calibration
from dfnas.artifacts.metrics import NetworkMetrics, TeacherMetrics
from dfnas.artifacts.quality import QualityReport
from dfnas.artifacts.table1 import Table1Row


def said(stage: str = "table1", **more: Any) -> dict[str, Any]:
    """What an artifact says of what made it."""
    versions = {"dfnas": "0.1.0", "torch": "2.14.1", "code": "c0de", "device": "cpu"}
    return {"stage": stage, **versions, "arguments": {}, "settings": {}, "inputs": {}} | more


FIGURES = {
    "top1_error": 0.1,
    "top5_error": 0.01,
    "class_accuracy": [0.9, 0.9],
    "ece": 0.04,
    "nll": 0.2,
    "temperature": 1.0,
    "ece_scaled": 0.02,
    "teacher_agreement": 0.5,
    "parameters": 70_000,
    "macs": 2_500_000,
    "test_images": 200,
    "held_out_images": 120,
    "classes": 2,
    "provenance": said("evaluate"),
}


def network_metrics(**more: Any) -> NetworkMetrics:
    network = {"algorithm": "darts", "search_data": "original", "retrain_data": "original", "seed": 0}
    found = {"space": "darts", "architecture": "0.json", "validation_error": 0.1}
    return NetworkMetrics(**(network | found | FIGURES | more))


def teacher_metrics(**more: Any) -> TeacherMetrics:
    nothing = dict.fromkeys(("search_data", "retrain_data", "seed", "architecture", "validation_error"), "")
    return TeacherMetrics(**({"algorithm": "teacher", "space": "my.resnet:build_it"} | nothing | FIGURES | more))


def calibration(**more: Any) -> Calibration:
    entropies = {"entropy_before_nats": 0.1, "entropy_after_nats": 0.2}
    figures = {"generation": 0, "images": 3, "agreement": 0.9, **entropies, "label_shift": 0.3, "doubt": None}
    return Calibration(**(figures | {"provenance": said("calibrate_labels")} | more))


def quality(**more: Any) -> QualityReport:
    """Of images by a teacher without a final layer and without BatchNorm."""
    agreement = {"teacher_agreement": 0.985, "verifier_agreement": None, "target_probability": 0.9}
    confidence = {name: {"entropy_nats": 0.1, "top5_mass": 1.0} for name in ("labels", "targets")}
    features = {"features": None, "cosine_distance": None, "vendi_score": None, "reason": "no head"}
    others = {"class_similarity": {"correlation": None, "reason": "no head"}, "diversity": features}
    report = {"generation": 0, "images": 400, **agreement, **confidence, **others, "batch_norm": None}
    by_class = {"agreement_by_class": [1.0, None], "classes_of_one_image": 1}
    judged = by_class | {"verdict": "The teacher sees much.", "provenance": said("assess_images")}
    return QualityReport(**(report | judged | more))


def table1_row(**more: Any) -> Table1Row:
    key = {"algorithm": "spos", "space": "shufflenet", "search_data": "original", "retrain_data": "original"}
    errors = {"seeds": 3, "top1_error_mean": 3.0, "top1_error_std": 0.5, "top5_error_mean": 0.0}
    others = {"ece_mean": 1.0, "ece_scaled_mean": 1.0, "teacher_agreement_mean": 99.0, "params_m": 0.0123}
    return Table1Row(**(key | errors | others | {"macs_m": 1.5, "architecture": "0.json"} | more))
