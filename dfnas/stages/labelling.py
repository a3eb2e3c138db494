"""The teacher of a stage whose labels it may be asked for."""

from pathlib import Path

from dfnas.runtime.errors import InputError
from dfnas.stages.artifacts import load_teacher
from dfnas.stages.command import Job, Stage
from dfnas.teacher import Teacher


def add_teacher_argument(stage: Stage) -> None:
    """Adds `--teacher`."""
    stage.argument("--teacher", type=Path, metavar="FILE", help="the teacher, where labels = teacher asks it")


def labelling_teacher(job: Job) -> Teacher | None:
    """The teacher, where the labels are its. Raises InputError if none is given then, or a file that is none."""
    if job.settings.labels != "teacher":
        return None
    if job.options.teacher is None:
        raise InputError("labels = teacher needs --teacher FILE, the teacher that is asked; or take labels = soft")
    return load_teacher(job.options.teacher, job.device)
