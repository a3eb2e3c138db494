"""Plot the test error of all trained networks, by algorithm and against multiply-accumulates and parameters, with the
teacher for reference."""

import sys
from pathlib import Path

from dfnas.pictures.comparison import Network, comparison_png
from dfnas.runtime.files import read_json
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.pictures import write_picture

STAGE = Stage("draw_comparison", __doc__, None)
STAGE.argument("--metrics", type=Path, nargs="+", required=True, metavar="FILE", help="figures, one file per network")
STAGE.argument("--teacher", type=Path, required=True, metavar="FILE", help="figures of the teacher")
STAGE.output("--out", required=True, help="the picture, PNG")

KEYS = ("algorithm", "search_data", "retrain_data")
FIGURES = ("top1_error", "macs", "parameters")


def draw_comparison(job: Job[None]) -> None:
    networks = [_network(path) for path in job.options.metrics]
    content = comparison_png(networks, _network(job.options.teacher))
    write_picture(job.options.out, content, job.provenance())


def _network(path: Path) -> Network:
    figures = read_json(path, dict.fromkeys(KEYS, str) | dict.fromkeys(FIGURES, float))
    error, macs, parameters = (figures[name] for name in FIGURES)
    return Network(*(figures[key] for key in KEYS), 100 * error, macs / 1e6, parameters / 1e6)


if __name__ == "__main__":
    sys.exit(STAGE.main(draw_comparison))
