"""Ask the teacher what it sees in a generation's images: its answers are the next generation's targets.

The question is put on exactly the bytes that are stored. A small report says how far the answers are from what the
images were made for, and a warning where that looks wrong. Where they are hardly nearer than by chance the run stops.
"""

import sys
from pathlib import Path

import torch

from dfnas.artifacts.calibration import Calibration
from dfnas.artifacts.teacher import load_teacher
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.generations import check_fits, check_generation, took_steps
from dfnas.dataset.writing import read_synthetic_shard, write_labels
from dfnas.runtime.errors import InputError
from dfnas.settings.dataset import CalibrateLabelsSettings
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.synthesis.inversion_targets import calibration_report, doubt, near_chance, soft_labels

STAGE = Stage("calibrate_labels", __doc__, CalibrateLabelsSettings)
STAGE.argument("--teacher", type=Path, required=True, metavar="FILE", help="the teacher")
STAGE.argument(
    "--shards", type=Path, nargs="+", required=True, metavar="FILE", help="the generation's shards, in order"
)
STAGE.argument("--generation", type=int, required=True, metavar="N", help="the generation, from 0")
STAGE.output("--out", required=True, help="the labels")
STAGE.output("--report", required=True, help="what changed in this generation, JSON")


def calibrate_labels(job: Job[CalibrateLabelsSettings]) -> None:
    options = job.options
    teacher = load_teacher(options.teacher, job.device)
    job.reads(code=teacher.spec.code())
    with job.once():
        _calibrated(job, teacher)


def _calibrated(job: Job[CalibrateLabelsSettings], teacher: Teacher) -> None:
    """Asks the teacher and writes what it says."""
    options = job.options
    parts: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    optimised = False
    for path in options.shards:
        stored, targets, aimed, attributes = read_synthetic_shard(path)
        check_generation(path, attributes, options.generation)
        images, aim = torch.from_numpy(stored).to(job.device), torch.from_numpy(aimed)
        check_fits(path, images, aim, teacher)
        seen = soft_labels(teacher, images, job.settings.batch_size, job.settings.temperature).cpu()
        parts.append((seen, torch.from_numpy(targets), aim))
        optimised |= took_steps(attributes)
    labels, classes, aims = map(torch.cat, zip(*parts, strict=True))
    if not labels.isfinite().all():
        raise InputError(
            f"the teacher's logits on generation {options.generation} are not finite; check {options.teacher}"
        )
    found = calibration_report(aims, labels, classes)
    doubtful = doubt(found["agreement"], teacher.spec.classes) if optimised else None
    if doubtful and near_chance(found["agreement"], len(labels), teacher.spec.classes):
        _stop(job, doubtful)
    provenance = job.provenance()
    attributes = {
        "generation": options.generation,
        "class_names": teacher.spec.names(),
        "provenance": provenance,
    }
    write_labels(options.out, labels.numpy(), classes.numpy(), attributes)
    report = Calibration(
        generation=options.generation,
        images=len(labels),
        **found,
        doubt=doubtful,
        provenance=provenance,
    )
    report.write(options.report)
    print(
        f"generation {options.generation}: agreement {report.agreement:.3f}, entropy "
        f"{report.entropy_before_nats:.3f} -> {report.entropy_after_nats:.3f} nats",
        file=sys.stderr,
    )
    if report.doubt:
        story = f"generation {options.generation}: {report.doubt}"
        print(f"{job.stage}: warning: {story}", file=sys.stderr, flush=True)


def _stop(job: Job[CalibrateLabelsSettings], doubtful: str) -> None:
    """Raises InputError, unless it was told to go on."""
    if job.settings.at_chance == "stop":
        raise InputError(
            f"generation {job.options.generation}: {doubtful}. Nothing that learns from these images would be of use: "
            "dfnas try with a real image (--image) tells about mean, std and size; or set calibrate_labels.at_chance "
            "to go_on"
        )


if __name__ == "__main__":
    sys.exit(STAGE.main(calibrate_labels))
