"""Assess a generation of synthetic images without any original one: what the teacher and, if there is one, a verifier
see in them, how much they differ from one another, and how well they fit the teacher's BatchNorm statistics.

The report is JSON; the picture shows the first images of each class.
"""

import sys
from io import BytesIO
from pathlib import Path

from dfnas.dataset.generations import generation_batches
from dfnas.pictures.grid import ImageGrid, labelled
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import write_bytes, write_json
from dfnas.settings.quality import AssessImagesSettings
from dfnas.stages.artifacts import load_teacher
from dfnas.stages.command import Job, Stage
from dfnas.synthesis.quality import Quality
from dfnas.teacher import Teacher

STAGE = Stage("assess_images", __doc__, AssessImagesSettings)
STAGE.argument("--teacher", type=Path, required=True, metavar="FILE", help="the teacher")
STAGE.argument("--verifier", type=Path, metavar="FILE", help="a second network that judges the images")
STAGE.argument(
    "--shards", type=Path, nargs="+", required=True, metavar="FILE", help="the generation's shards, in order"
)
STAGE.argument("--labels", type=Path, required=True, metavar="FILE", help="labels of the generation")
STAGE.argument("--generation", type=int, required=True, metavar="N", help="the generation, from 0")
STAGE.argument("--out", type=Path, required=True, metavar="FILE", help="the report, JSON")
STAGE.argument("--picture", type=Path, required=True, metavar="FILE", help="images of each class, PNG")


def assess_images(job: Job) -> None:
    options, settings = job.options, job.settings
    teacher = load_teacher(options.teacher, job.device)
    verifier = None if options.verifier is None else _verifier(options.verifier, teacher, job)
    grid = ImageGrid(teacher.spec.names(), settings.columns, settings.rows)
    quality = Quality(teacher, verifier)
    with quality:
        for batch in generation_batches(options.shards, options.labels, options.generation, settings.batch_size):
            _check(batch.labels.shape[1], batch.images.shape[1], teacher, options.shards[0])
            quality.add(batch)
            grid.add(batch.images.numpy(), batch.classes.numpy())
    report = {"generation": options.generation, **quality.report()}
    content = BytesIO()
    labelled([(f"generation {options.generation}", grid)]).save(content, "PNG")
    write_bytes(options.picture, content.getvalue())
    write_json(options.out, report)
    print(f"generation {options.generation}: agreement {report['teacher_agreement']:.3f}", file=sys.stderr)


def _verifier(path: Path, teacher: Teacher, job: Job) -> Teacher:
    verifier = load_teacher(path, job.device)
    for name in ("classes", "channels", "size"):
        theirs, ours = getattr(verifier.spec, name), getattr(teacher.spec, name)
        if theirs != ours:
            raise InputError(f"{path}: verifier.{name} is {theirs}, expected that of the teacher, {ours}")
    return verifier


def _check(classes: int, channels: int, teacher: Teacher, shard: Path) -> None:
    if (classes, channels) != (teacher.spec.classes, teacher.spec.channels):
        raise InputError(
            f"{shard} and its labels have {channels} channels and {classes} classes, but the teacher has "
            f"{teacher.spec.channels} and {teacher.spec.classes}"
        )


if __name__ == "__main__":
    sys.exit(STAGE.main(assess_images))
