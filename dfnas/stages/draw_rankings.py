"""Plot what SPOS' supernets say of random architectures against the true accuracies in a table."""

import sys
from pathlib import Path

from dfnas.artifacts.picture import write_picture
from dfnas.artifacts.ranking import read_rankings
from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.pictures.rankings import rankings_png
from dfnas.settings.lookup import LookupSettings
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

STAGE = Stage("draw_rankings", __doc__, LookupSettings)
STAGE.argument("--rankings", type=Path, nargs="+", required=True, metavar="FILE", help="scores by the supernets, CSV")
STAGE.output("--out", required=True, help="the picture, PNG")


def draw_rankings(job: Job[LookupSettings]) -> None:
    rankings = read_rankings(job.options.rankings, AccuracyTable.read(job.settings))
    job.reads(job.settings.file())
    provenance = job.provenance()
    write_picture(job.options.out, rankings_png(rankings), provenance)


if __name__ == "__main__":
    sys.exit(STAGE.main(draw_rankings))
