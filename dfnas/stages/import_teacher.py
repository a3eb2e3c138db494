"""Import the user's checkpoint: find its weights, build the network, check that they fit, and keep both.

The checkpoint is opened without running any code from it. Its archive is tested before it is read.
"""

import os
import sys
from pathlib import Path

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import digest, load_archive
from dfnas.settings.teacher import TeacherSettings
from dfnas.stages.artifacts import save_teacher
from dfnas.stages.command import Job, Stage
from dfnas.teacher import TeacherSpec, assemble, find_state_dict

STAGE = Stage("import_teacher", __doc__, TeacherSettings)
STAGE.argument("--out", type=Path, required=True, metavar="FILE", help="the teacher, as the other stages read it")


def import_teacher(job: Job) -> None:
    settings: TeacherSettings = job.settings
    if settings.weights is None:
        raise InputError("no checkpoint given; set teacher.weights (--weights)")
    path = Path(os.path.expandvars(settings.weights))
    spec = TeacherSpec(**settings.model_dump(exclude={"weights"}))
    state = find_state_dict(load_archive(path), str(path))
    teacher = assemble(spec, state, str(path))
    save_teacher(job.options.out, spec, teacher.network.state_dict(), job.provenance([path], spec.builder))
    print(f"teacher {spec.builder} from {path.name}, SHA-256 {digest(path)[:16]}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(STAGE.main(import_teacher))
