"""Draw the synthetic images, a row for every class and a block of columns for every generation, and plot the quality
reports over the generations."""

import sys
from io import BytesIO
from pathlib import Path

from dfnas.artifacts.picture import write_picture
from dfnas.artifacts.quality import QualityReport
from dfnas.dataset.writing import read_shard
from dfnas.pictures.generations import generations_png
from dfnas.pictures.grid import ImageGrid, labelled
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

STAGE = Stage("draw_images", __doc__, None)
STAGE.argument("--shards", type=Path, nargs="+", required=True, metavar="FILE", help="shards of all generations")
STAGE.argument(
    "--reports", type=Path, nargs="+", required=True, metavar="FILE", help="quality of each generation, JSON, in order"
)
STAGE.argument("--columns", type=int, default=6, metavar="N", help="images per class and generation (default: 6)")
STAGE.argument("--rows", type=int, default=32, metavar="N", help="classes at most, evenly chosen (default: 32)")
STAGE.output("--out", required=True, help="the picture of the images, PNG")
STAGE.output("--plots", required=True, help="the plots over the generations, PNG")

LONGEST_SIDE = 96
"""Pixels of an image in the picture, which holds all generations side by side."""


def draw_images(job: Job[None]) -> None:
    options = job.options
    reports = [QualityReport.read(path) for path in options.reports]
    grids: dict[int, ImageGrid] = {}
    for path in options.shards:
        images, classes, attributes = read_shard(path)
        if attributes["generation"] not in grids:
            grids[attributes["generation"]] = ImageGrid(
                attributes["class_names"], options.columns, options.rows, LONGEST_SIDE
            )
        grids[attributes["generation"]].add(images, classes)
    content = BytesIO()
    labelled([(f"generation {number}", grid) for number, grid in sorted(grids.items())]).save(content, "PNG")
    provenance = job.provenance()
    write_picture(options.plots, generations_png(reports), provenance)
    write_picture(options.out, content.getvalue(), provenance)


if __name__ == "__main__":
    sys.exit(STAGE.main(draw_images))
