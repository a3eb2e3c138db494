"""Plot the test error of all trained networks, by algorithm and against multiply-accumulates and parameters, with the
teacher for reference."""

import sys
from pathlib import Path

from dfnas.artifacts.metrics import read_metrics
from dfnas.artifacts.picture import write_picture
from dfnas.pictures.comparison import Network, comparison_png
from dfnas.runtime.errors import InputError
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

STAGE = Stage("draw_comparison", __doc__, None)
STAGE.argument("--metrics", type=Path, nargs="+", required=True, metavar="FILE", help="figures, one file per network")
STAGE.argument("--teacher", type=Path, required=True, metavar="FILE", help="figures of the teacher")
STAGE.output("--out", required=True, help="the picture, PNG")


def draw_comparison(job: Job[None]) -> None:
    networks = [_network(path) for path in job.options.metrics]
    content = comparison_png(networks, _network(job.options.teacher))
    write_picture(job.options.out, content, job.provenance())


def _network(path: Path) -> Network:
    found = read_metrics(path)
    if found.top1_error is None:
        raise InputError(f"{path} was measured without original images, and has no error to be drawn")
    macs, parameters = found.macs / 1e6, found.parameters / 1e6
    return Network(found.algorithm, found.search_data, found.retrain_data, 100 * found.top1_error, macs, parameters)


if __name__ == "__main__":
    sys.exit(STAGE.main(draw_comparison))
