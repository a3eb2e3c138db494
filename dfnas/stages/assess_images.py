"""Assess a generation of synthetic images without any original one: what the teacher and, if there is one, a verifier
see in them, how much they differ from one another, and how well they fit the teacher's BatchNorm statistics.

The report is JSON; the picture shows the first images of each class.
"""

import sys
from io import BytesIO
from pathlib import Path

from dfnas.artifacts.picture import write_picture
from dfnas.artifacts.quality import QualityReport
from dfnas.artifacts.teacher import load_beside, load_teacher
from dfnas.dataset.generations import check_fits, generation_batches
from dfnas.pictures.grid import ImageGrid, labelled
from dfnas.settings.quality import AssessImagesSettings
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.synthesis.quality import Quality

STAGE = Stage("assess_images", __doc__, AssessImagesSettings)
STAGE.argument("--teacher", type=Path, required=True, metavar="FILE", help="the teacher")
STAGE.argument("--verifier", type=Path, metavar="FILE", help="a second network that judges the images")
STAGE.argument(
    "--shards", type=Path, nargs="+", required=True, metavar="FILE", help="the generation's shards, in order"
)
STAGE.argument("--labels", type=Path, required=True, metavar="FILE", help="labels of the generation")
STAGE.argument("--generation", type=int, required=True, metavar="N", help="the generation, from 0")
STAGE.output("--out", required=True, help="the report, JSON")
STAGE.output("--picture", required=True, help="images of each class, PNG")


def assess_images(job: Job[AssessImagesSettings]) -> None:
    options, settings = job.options, job.settings
    teacher = load_teacher(options.teacher, job.device)
    verifier = options.verifier and load_beside("verifier", options.verifier, teacher, job.device)
    grid = ImageGrid(teacher.spec.names(), settings.columns, settings.rows)
    quality = Quality(teacher, verifier)
    with quality:
        for batch in generation_batches(options.shards, options.labels, options.generation, settings.batch_size):
            check_fits(options.shards[0], batch.images, batch.targets, teacher)
            quality.add(batch)
            grid.add(batch.images.numpy(), batch.classes.numpy())
    code = [name for network in (teacher, verifier) if network for name in network.spec.code()]
    job.reads(code=code)
    provenance = job.provenance()
    report = QualityReport(generation=options.generation, **quality.report(), provenance=provenance)
    content = BytesIO()
    labelled([(f"generation {options.generation}", grid)]).save(content, "PNG")
    write_picture(options.picture, content.getvalue(), provenance)
    report.write(options.out)
    print(f"generation {options.generation}: {report.verdict}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(STAGE.main(assess_images))
