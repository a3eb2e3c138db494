"""Measure a trained network, or the teacher, on the original test images."""

import sys
from pathlib import Path

import torch

from dfnas.dataset.images import ImageSet, load_split
from dfnas.measure.accuracy import predict, top_k_errors
from dfnas.measure.complexity import count_macs, count_parameters
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import write_json
from dfnas.settings.evaluate import EvaluateSettings
from dfnas.stages.artifacts import TEACHER, kind_of, load_network, load_teacher
from dfnas.stages.command import Job, Stage

STAGE = Stage("evaluate", __doc__, EvaluateSettings)
STAGE.argument("--network", type=Path, required=True, metavar="FILE", help="a trained network or the teacher")
STAGE.argument("--dataset", type=Path, required=True, metavar="FILE", help="the original data set")
STAGE.argument("--out", type=Path, required=True, metavar="FILE", help="the figures, JSON")


def evaluate(job: Job) -> None:
    options = job.options
    test = load_split(options.dataset, "test", job.device)
    if kind_of(options.network) == TEACHER:
        teacher = load_teacher(options.network, job.device)
        ours, theirs = (teacher.spec.channels, teacher.spec.size), (test.channels, test.size)
        if ours != theirs:
            raise InputError(
                f"{options.network} takes images of {ours[0]} channels and {ours[1]} pixels, but those of "
                f"{options.dataset} have {theirs[0]} and {theirs[1]}; make shard_original agree with teacher"
            )
        network, mean, std = teacher.network, teacher.spec.mean, teacher.spec.std
        row = {"algorithm": "teacher", "space": teacher.spec.builder}
        row |= {"search_data": "", "retrain_data": "", "seed": "", "architecture": "", "validation_error": ""}
    else:
        network, archive = load_network(options.network, job.device)
        mean, std = (archive["normalisation"][name] for name in ("mean", "std"))
        row = _identity(archive)
    test = ImageSet(test.images, test.soft_labels, test.targets, test.size, tuple(mean), tuple(std))
    logits = predict(network, test, job.settings.batch_size)
    if logits.shape[1] != test.classes:
        raise InputError(f"{options.network} has {logits.shape[1]} classes, {options.dataset} has {test.classes}")
    if not logits.isfinite().all():
        raise InputError(f"the logits of {options.network} on the test images are not finite")
    shape = (test.channels, *test.size)
    complexity = {"parameters": count_parameters(network), "macs": count_macs(network, *shape)}
    write_json(options.out, row | _accuracy(logits, test.targets) | complexity | {"test_images": len(test)})


def _identity(archive: dict) -> dict:
    """What the row of the tables says of a network, from what was kept with it."""
    provenance = archive["provenance"]
    arguments = {name: provenance["arguments"][name] for name in ("algorithm", "search_data", "retrain_data", "seed")}
    return arguments | {
        "space": archive["architecture"]["space"]["name"],
        "architecture": provenance["architecture_file"],
        "validation_error": provenance["validation_error"],
    }


def _accuracy(logits: torch.Tensor, targets: torch.Tensor) -> dict:
    wrong = top_k_errors(logits, targets, 1).double()
    by_class = [1 - wrong[targets == label].mean().item() for label in range(logits.shape[1])]
    return {
        "top1_error": wrong.mean().item(),
        "top5_error": top_k_errors(logits, targets, 5).double().mean().item(),
        "class_accuracy": by_class,
    }


if __name__ == "__main__":
    sys.exit(STAGE.main(evaluate))
