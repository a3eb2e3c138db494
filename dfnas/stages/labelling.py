"""The teacher of a stage whose labels it may be asked for."""

from pathlib import Path

from dfnas.artifacts.teacher import load_teacher
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.class_order import check_class_names
from dfnas.dataset.images import ImageSet
from dfnas.runtime.errors import InputError
from dfnas.stages.command import Stage
from dfnas.stages.job import Job


def add_teacher_argument(stage: Stage) -> None:
    """Adds `--teacher`."""
    stage.argument("--teacher", type=Path, metavar="FILE", help="the teacher, where labels = teacher asks it")


def labelling_teacher(job: Job, data: ImageSet) -> Teacher | None:
    """The teacher, where the labels are its.

    Args:
        data: what it is asked about, of `--dataset`.

    Raises:
        InputError: none is given then, a file that is none, or one whose classes are not those of the data.
    """
    if job.settings.labels != "teacher":
        return None
    if job.options.teacher is None:
        raise InputError("labels = teacher needs --teacher FILE, the teacher that is asked; or take labels = soft")
    teacher = load_teacher(job.options.teacher, job.device)
    check_class_names(data.class_names, job.options.dataset, teacher.spec.names(), job.options.teacher)
    job.reads(code=teacher.spec.code())
    return teacher
