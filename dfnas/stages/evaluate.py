"""Measure a trained network, or the teacher, on the original test images: errors, calibration, and how often it agrees
with the teacher. Without original images, how often it does on the held-out images of the data that it learnt from.

The temperature is fitted on the held-out images of the data that the network was trained on, to their labels as they
stand in the data set: the test images choose nothing. A teacher that was imported may have been trained on what is held
out here, and no temperature is fitted for it.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from dfnas.artifacts.archives import TEACHER, kind_of
from dfnas.artifacts.metrics import NetworkMetrics, TeacherMetrics
from dfnas.artifacts.network import load_network
from dfnas.artifacts.predictions import write_predictions
from dfnas.artifacts.teacher import load_teacher, teacher_provenance
from dfnas.dataset.class_order import check_class_names
from dfnas.dataset.images import ImageSet, load_split
from dfnas.measure.accuracy import predict, top_k_errors
from dfnas.measure.calibration import calibration_error, confidences, fitted_temperature, negative_log_likelihood
from dfnas.measure.complexity import count_macs, count_parameters
from dfnas.runtime.errors import InputError
from dfnas.settings.evaluate import EvaluateSettings
from dfnas.spaces.names import reference
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

PRETRAINED = "pretrain_teacher"
"""The stage of which it is known what a teacher was trained on."""

STAGE = Stage("evaluate", __doc__, EvaluateSettings)
STAGE.argument("--network", type=Path, required=True, metavar="FILE", help="a trained network or the teacher")
STAGE.argument("--teacher", type=Path, required=True, metavar="FILE", help="the teacher")
STAGE.argument("--dataset", type=Path, metavar="FILE", help="the original data set, if there is one")
STAGE.argument("--held-out", type=Path, required=True, metavar="FILE", help="the data set that --network learnt from")
STAGE.output("--out", required=True, help="the figures, JSON")
STAGE.output("--predictions", required=True, help="what it says of each test image, CSV")

WITHOUT_TESTS: dict[str, Any] = dict.fromkeys(("top1_error", "top5_error", "ece", "nll", "ece_scaled"))
WITHOUT_TESTS["class_accuracy"] = []
"""Of a network that no original image tests."""


class Measured(NamedTuple):
    """A network and how it is fed."""

    path: Path
    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    kind: type[NetworkMetrics | TeacherMetrics]
    about: dict[str, Any]
    """What its metrics say of it beside the figures."""
    code: tuple[str, ...]
    """What builds it, see `code_digest`."""
    held_out: bool
    """Whether the held-out images are known to be such that it has not been trained on them."""

    def logits(self, data: ImageSet, where: Path, batch_size: int) -> torch.Tensor:
        """Logits (N, K) of a split, normalised as the network wants it. Raises InputError unless it has the network's
        classes, and the logits are finite."""
        logits = predict(self.network, replace(data, mean=self.mean, std=self.std), batch_size)
        if logits.shape[1] != data.classes:
            raise InputError(f"{self.path} has {logits.shape[1]} classes, {where} has {data.classes}")
        if not logits.isfinite().all():
            raise InputError(f"the logits of {self.path} on the images of {where} are not finite")
        return logits


def evaluate(job: Job[EvaluateSettings]) -> None:
    options, batch_size = job.options, job.settings.batch_size
    held_out, where = load_split(options.held_out, "validation", job.device), options.dataset or options.held_out
    tested = options.dataset is not None
    test = load_split(options.dataset, "test", job.device) if tested else held_out
    _check_same_task(options.held_out, held_out, where, test)
    teacher = _teacher(options.teacher, test, where, job)
    if options.network.resolve() == options.teacher.resolve():
        measured = teacher
    elif kind_of(options.network) == TEACHER:
        measured = _teacher(options.network, test, where, job)
    else:
        measured = _trained(options.network, job.device)
    logits = measured.logits(test, where, batch_size)
    predicted = _most_probable(logits)
    if measured.held_out:
        temperature = fitted_temperature(measured.logits(held_out, options.held_out, batch_size), held_out.soft_labels)
    else:
        temperature = None
        print(f"{measured.path} may have been trained on all of {options.held_out}: no temperature", file=sys.stderr)
    theirs = logits if measured is teacher else teacher.logits(test, where, batch_size)
    agreement = predicted == _most_probable(theirs)
    job.reads(code=[*teacher.code, *measured.code])
    if tested:
        by_labels = _accuracy(logits, test.targets)
        by_labels |= _calibration(logits, predicted == test.targets, test.soft_labels, temperature)
    else:
        by_labels = WITHOUT_TESTS | {"temperature": temperature}
    figures = measured.kind(
        **measured.about,
        **by_labels,
        teacher_agreement=agreement.double().mean().item(),
        parameters=count_parameters(measured.network),
        macs=count_macs(measured.network, test.channels, *test.size),
        test_images=len(test) if tested else 0,
        held_out_images=len(held_out),
        classes=logits.shape[1],
        provenance=job.provenance(),
    )
    write_predictions(options.predictions, test.targets if tested else test.likely, predicted, confidences(logits))
    figures.write(options.out)


def _teacher(path: Path, test: ImageSet, where: Path, job: Job[EvaluateSettings]) -> Measured:
    """Raises InputError unless it takes images like the test images, which are those of `where`."""
    options, teacher = job.options, load_teacher(path, job.device)
    ours, theirs = (teacher.spec.channels, teacher.spec.size), (test.channels, test.size)
    if ours != theirs:
        raise InputError(
            f"{path} takes images of {ours[0]} channels and {ours[1]} pixels, but those of "
            f"{where} have {theirs[0]} and {theirs[1]}; make shard_original agree with teacher"
        )
    check_class_names(test.class_names, where, teacher.spec.names(), path)
    about = {"algorithm": "teacher", "space": teacher.spec.builder}
    about |= dict.fromkeys(("search_data", "retrain_data", "seed", "architecture", "validation_error"), "")
    spec, held_out = teacher.spec, _learnt_from(path, job.digests[options.held_out])
    return Measured(path, teacher.network, spec.mean, spec.std, TeacherMetrics, about, spec.code(), held_out)


def _learnt_from(path: Path, dataset: str) -> bool:
    """Whether a teacher was trained by `pretrain_teacher` on the training images of this very data set."""
    provenance = teacher_provenance(path)
    return provenance.stage == PRETRAINED and dataset in provenance.inputs.values()


def _trained(path: Path, device: torch.device) -> Measured:
    """A retrained network, with what was kept with it."""
    trained = load_network(path, device)
    training, space = trained.training, trained.architecture["space"]["name"]
    about = training.arguments.identity._asdict() | {
        "space": space,
        "architecture": training.architecture_file,
        "validation_error": training.validation_error,
    }
    mean, std = (tuple(trained.normalisation[name]) for name in ("mean", "std"))
    return Measured(path, trained.network, mean, std, NetworkMetrics, about, (reference(space),), held_out=True)


def _check_same_task(path: Path, held_out: ImageSet, dataset: Path, test: ImageSet) -> None:
    for name in ("channels", "size", "classes"):
        theirs, ours = getattr(held_out, name), getattr(test, name)
        if theirs != ours:
            raise InputError(f"{path} has {name} {theirs}, but {dataset} has {ours}; make shard_original agree with it")
    check_class_names(test.class_names, dataset, held_out.class_names, path)


def _most_probable(logits: torch.Tensor) -> torch.Tensor:
    """The class with the largest of logits (N, K): int64 (N,). Of equals that which `top_k_errors` takes."""
    return logits.topk(1, dim=1).indices[:, 0]


def _accuracy(logits: torch.Tensor, targets: torch.Tensor) -> dict[str, Any]:
    wrong = top_k_errors(logits, targets, 1).double()
    by_class = [1 - wrong[targets == label].mean().item() for label in range(logits.shape[1])]
    return {
        "top1_error": wrong.mean().item(),
        "top5_error": top_k_errors(logits, targets, 5).double().mean().item(),
        "class_accuracy": by_class,
    }


def _calibration(
    logits: torch.Tensor, correct: torch.Tensor, labels: torch.Tensor, temperature: float | None
) -> dict[str, Any]:
    """How sure the network is, as it stands and with its logits over the temperature, if there is one."""
    scaled = None if temperature is None else calibration_error(confidences(logits / temperature), correct)
    return {
        "ece": calibration_error(confidences(logits), correct),
        "nll": negative_log_likelihood(logits, labels),
        "temperature": temperature,
        "ece_scaled": scaled,
    }


if __name__ == "__main__":
    sys.exit(STAGE.main(evaluate))
