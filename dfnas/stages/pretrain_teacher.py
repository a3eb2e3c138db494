"""Train the stand-in for the user's checkpoint, where there is none: a classifier on the original training images.

The embedded default needs a teacher that comes from real data. With `teacher.weights` set, this stage does not
exist in the workflow.
"""

import sys
from pathlib import Path

from dfnas.artifacts.history import write_history
from dfnas.artifacts.teacher import save_teacher
from dfnas.classifiers.assembly import build_network
from dfnas.classifiers.examination import check_trainable
from dfnas.classifiers.metadata import complete
from dfnas.classifiers.names import TORCHSCRIPT
from dfnas.dataset.class_order import check_class_names
from dfnas.dataset.images import load_split
from dfnas.runtime.errors import InputError
from dfnas.runtime.resumable import run
from dfnas.runtime.seeds import reseed
from dfnas.settings.teacher import TeacherSettings
from dfnas.settings.training import PretrainTeacherSettings
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import parsed
from dfnas.training.training import Training

STAGE = Stage("pretrain_teacher", __doc__, PretrainTeacherSettings)
STAGE.argument("--dataset", type=Path, required=True, metavar="FILE", help="the original data set")
STAGE.argument("--teacher", required=True, metavar="JSON", help="the section `teacher`, as JSON")
STAGE.output("--out", required=True, help="the teacher, as the other stages read it")
STAGE.output("--history", required=True, help="loss and error by epoch, CSV")


def pretrain_teacher(job: Job[PretrainTeacherSettings]) -> None:
    options, settings = job.options, job.settings
    spec = complete(TeacherSettings.parse(parsed(options.teacher, "--teacher"), "teacher"))
    if spec.builder == TORCHSCRIPT:
        raise InputError("teacher.builder 'torchscript' is a trained network; set teacher.weights to its file")
    train, validation = (load_split(options.dataset, split, job.device) for split in ("train", "validation"))
    for name, ours, theirs in [
        ("classes", spec.classes, train.classes),
        ("channels", spec.channels, train.channels),
        ("size", spec.size, train.size),
        ("mean", spec.mean, train.mean),
        ("std", spec.std, train.std),
    ]:
        if ours != theirs:
            raise InputError(f"teacher.{name} = {ours}, but {options.dataset} has {theirs}; make them agree")
    check_class_names(train.class_names, options.dataset, spec.names(), Path("teacher.class_names"))
    job.reads(code=spec.code())
    with job.once() as checkpoint:
        check_trainable(build_network(spec), spec, "teacher.builder", "teacher")
        reseed(settings.seed, "weights")
        network = build_network(spec).to(job.device)
        training = Training(network, train, validation, settings, settings.seed)
        history, _ = run(training, checkpoint, "teacher")
        write_history(options.history, history)
        save_teacher(options.out, spec, training.result.state_dict(), job.provenance())


if __name__ == "__main__":
    sys.exit(STAGE.main(pretrain_teacher))
