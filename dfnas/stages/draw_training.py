"""Draw the trainings of one algorithm's architectures: loss, validation error and learning rate by epoch."""

import sys
from pathlib import Path

from dfnas.artifacts.history import read_history
from dfnas.artifacts.picture import write_picture
from dfnas.pictures.training_curves import PANELS, Course, training_png
from dfnas.runtime.errors import InputError, rebuild
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

STAGE = Stage("draw_training", __doc__, None)
STAGE.argument("--algorithm", required=True, metavar="NAME", help="that found the architectures")
STAGE.argument("--histories", type=Path, nargs="+", required=True, metavar="FILE", help="each by epoch, CSV")
STAGE.argument("--search-data", nargs="+", required=True, metavar="NAME", help="what each was found on, in that order")
STAGE.argument("--retrain-data", nargs="+", required=True, metavar="NAME", help="what each was trained on")
STAGE.output("--out", required=True, help="the picture, PNG")


def draw_training(job: Job[None]) -> None:
    options = job.options
    files, data = options.histories, [options.search_data, options.retrain_data]
    if any(len(names) != len(files) for names in data):
        raise InputError(
            f"there are {len(files)} histories, {len(data[0])} names of --search-data and {len(data[1])} of "
            "--retrain-data; expected one of each for every history"
        )
    courses = [Course(_kind(*names), _history(file)) for file, *names in zip(files, *data, strict=True)]
    content = training_png(f"Training what {options.algorithm} found", courses)
    write_picture(options.out, content, job.provenance())


def _history(file: Path) -> list:
    history, columns = read_history(file), ("epoch", *(column for column, *_ in PANELS))
    if not history or any(not isinstance(row.get(name), float) for row in history for name in columns):
        raise InputError(f"{file}: expected rows with numbers for {', '.join(columns)}; {rebuild(file)}")
    return history


def _kind(search_data: str, retrain_data: str) -> str:
    found = "drawn" if search_data == "none" else f"found on {search_data}"
    return f"{found}, trained on {retrain_data}"


if __name__ == "__main__":
    sys.exit(STAGE.main(draw_training))
