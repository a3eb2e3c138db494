"""What the CIFAR-10 benchmarks share: the real teachers of DFNAS_DATA, our settings, and a verdict on images."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dfnas.classifiers.assembly import assemble
from dfnas.classifiers.metadata import complete
from dfnas.classifiers.teacher import Teacher
from dfnas.classifiers.weights import read_weights
from dfnas.dataset.images import ImageSet
from dfnas.measure.diversity import UnitMoments
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.teacher import TeacherSettings
from dfnas.synthesis.inversion import Inversion
from dfnas.synthesis.inversion_targets import first_targets
from dfnas.synthesis.objective import Objective

BATCH, CLASSES, SIZE = 256, 10, (32, 32)
PRESET = "workflow/presets/nasbench201.yaml"
CHECKPOINTS = {20: "resnet20-12fca82f.th", 56: "resnet56-4bfd9763.th"}
# Ours for this teacher. The preset adds a stage at half resolution and a region for each image.
OURS = {
    "batch_size": BATCH,
    "canvas_margin": 4,
    "flip": True,
    "lr": 0.5,
    "warmup_steps": 10,
    "feature_scale": "relative",
    "feature_weight": 30.0,
    "feature_first_multiplier": 1.0,
    "tv_weight": 1e-4,
    "l2_weight": 1e-5,
}
# DeepInversion's CIFAR-10 script, but for the weight of its feature term: with its 100, or 10, the images of this
# teacher stay near chance.
DEEPINVERSION = {
    "batch_size": BATCH,
    "region": "roll",
    "roll_reach": 2,
    "flip": False,
    "lr": 0.1,
    "betas": [0.9, 0.999],
    "lr_schedule": "constant",
    "warmup_steps": 0,
    "clip": False,
    "feature_scale": "sum",
    "feature_weight": 1.0,
    "feature_first_multiplier": 1.0,
    "tv_weight": 2.5e-5,
    "l2_weight": 0.0,
}


def preset_inversion() -> dict[str, Any]:
    """Section `invert_teacher` of workflow/presets/nasbench201.yaml, laid over that of config.yaml as in a run."""
    import yaml  # the scripts that need no preset run where there is none

    root = Path(__file__).resolve().parents[1]
    base, preset = (yaml.safe_load((root / name).read_text()) for name in ("config.yaml", PRESET))
    return base["invert_teacher"] | preset["invert_teacher"]


def cifar_teacher(depth: int) -> Teacher:
    """A pre-trained CIFAR-10 ResNet of the data folder."""
    section = {
        "weights": f"${{DFNAS_DATA}}/teachers/{CHECKPOINTS[depth]}",
        "builder": "dfnas.cifar_resnet:cifar_resnet",
        "arguments": {"depth": depth},
        "classes": CLASSES,
        "channels": 3,
        "size": 32,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    settings = complete(TeacherSettings.parse(section))
    return assemble(settings, read_weights(settings), CHECKPOINTS[depth])


def real_set(images: np.ndarray, classes: np.ndarray, teacher: Teacher) -> ImageSet:
    """Real images, uint8 (N, 32, 32, 3), with their classes, as the teacher's normalisation has them."""
    targets = torch.from_numpy(classes.astype(np.int64))
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    hard = torch.nn.functional.one_hot(targets, CLASSES).float()
    return ImageSet(pixels, hard, targets, SIZE, teacher.spec.mean, teacher.spec.std)


def inversion(teacher: Teacher, **changes) -> tuple[Inversion, torch.Tensor]:
    """The inversion of the first batch with our settings, or others, and its target classes."""
    settings = InvertTeacherSettings.parse({**OURS, **changes})
    classes, targets = first_targets(settings, 0, CLASSES)
    return Inversion(Objective(teacher, settings), targets, generation=0, batch=0), classes


@torch.no_grad()
def judged(pixels: torch.Tensor, classes: torch.Tensor, verifier: Teacher) -> dict[str, float]:
    """Agreement of the verifier with the target, and diversity of its features: mean pairwise cosine distance and
    Vendi score (Friedman and Dieng 2023)."""
    features: list[torch.Tensor] = []
    hook = verifier.network.linear.register_forward_pre_hook(lambda module, inputs: features.append(inputs[0]))
    agreement = (verifier(pixels).argmax(1) == classes).double().mean().item()
    hook.remove()
    moments = UnitMoments(features[0].shape[1])
    moments.add(features[0])
    return {
        "agreement": agreement,
        "cosine_distance": moments.cosine_distance(),
        "vendi": moments.vendi_score(),
    }
