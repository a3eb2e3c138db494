"""Make images from the teacher alone: one shard of one generation.

Generation 0 aims at one class per image; every later one at the soft labels that the teacher gave to the images of
the generation before. A batch depends on its index, not on the shard that makes it.
"""

import os
import sys
from argparse import Namespace
from pathlib import Path

import torch

from dfnas.artifacts.history import write_history
from dfnas.artifacts.teacher import load_beside, load_teacher
from dfnas.classifiers.examination import check_norms
from dfnas.dataset.generations import check_generation
from dfnas.dataset.writing import read_labels, write_shard
from dfnas.runtime.errors import InputError
from dfnas.runtime.resumable import run
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.synthesis.inversion import Inversion
from dfnas.synthesis.inversion_targets import first_targets
from dfnas.synthesis.objective import Objective
from dfnas.synthesis.sequence import InversionSequence

STAGE = Stage("invert_teacher", __doc__, InvertTeacherSettings)
STAGE.argument("--teacher", type=Path, required=True, metavar="FILE", help="the teacher")
STAGE.argument("--generation", type=int, required=True, metavar="N", help="generation of these images, from 0")
STAGE.argument("--first-batch", type=int, required=True, metavar="N", help="index of the shard's first batch")
STAGE.argument("--batches", type=int, required=True, metavar="N", help="number of batches of this shard")
STAGE.argument("--labels", type=Path, metavar="FILE", help="labels of the generation before; not for generation 0")
STAGE.argument("--competitor", type=Path, metavar="FILE", help="the second network, where competition_weight > 0")
STAGE.output("--out", required=True, help="the shard")
STAGE.output("--history", required=True, help="the loss terms over the steps, CSV")


def invert_teacher(job: Job[InvertTeacherSettings]) -> None:
    options, settings = job.options, job.settings
    if (options.labels is None) != (options.generation == 0):
        raise InputError("--labels must be given for every generation but 0, which has hard targets")
    if options.batches < 1 or options.first_batch < 0 or options.generation < 0:
        raise InputError("--batches must be at least 1, --first-batch and --generation at least 0")
    teacher = load_teacher(options.teacher, job.device)
    if settings.feature_weight:
        check_norms(teacher, f"{options.teacher}: the teacher")
    indices = range(options.first_batch, options.first_batch + options.batches)
    classes, targets = _targets(options, settings, indices, teacher.spec.classes)

    if (options.competitor is None) != (settings.competition_weight == 0):
        raise InputError("--competitor must be given where competition_weight is above 0, and only there")
    competitor = options.competitor and load_beside("competitor", options.competitor, teacher, job.device)
    job.reads(code=[name for network in (teacher, competitor) if network is not None for name in network.spec.code()])
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str((job.state_dir / "compiled").resolve()))
    objective = Objective(teacher, settings, competitor, options.batches)
    if objective.compiled:
        job.recall(compiled=True)
        Inversion(objective, targets[: settings.batch_size], options.generation, options.first_batch)  # compiles
        # Where that has failed, what is made is something else.
    with job.once(compiled=objective.compiled) as checkpoint:
        sequence = InversionSequence(objective, targets, options.generation, indices, checkpoint)
        history, _ = run(sequence, checkpoint, f"inversion, generation {options.generation}")
        attributes = {
            "generation": options.generation,
            "first_batch": options.first_batch,
            "size": teacher.spec.size,
            "mean": teacher.spec.mean,
            "std": teacher.spec.std,
            "class_names": teacher.spec.names(),
            "provenance": job.provenance() | {"compiled": objective.compiled},
        }
        images = (images.numpy() for images in sequence.images())
        write_shard(options.out, images, classes.numpy(), attributes, targets.numpy())
        write_history(options.history, history)


def _targets(
    options: Namespace, settings: InvertTeacherSettings, indices: range, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Classes (N,) and target distributions (N, K) of the shard's images."""
    size = settings.batch_size
    if options.labels is None:
        firsts, targets = zip(*(first_targets(settings, batch, count) for batch in indices), strict=True)
        return torch.cat(firsts), torch.cat(targets)
    labels, classes, attributes = read_labels(options.labels)
    check_generation(options.labels, attributes, options.generation - 1)
    rows = slice(indices.start * size, indices.stop * size)
    if len(labels) < rows.stop or labels.shape[1] != count:
        raise InputError(f"{options.labels} has labels {labels.shape}, expected at least ({rows.stop}, {count})")
    return torch.from_numpy(classes[rows]), torch.from_numpy(labels[rows])


if __name__ == "__main__":
    sys.exit(STAGE.main(invert_teacher))
