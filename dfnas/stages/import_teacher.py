"""Import the user's classifier: find its weights, build the network, check that they fit and that its logits are a
function of the image alone, and keep both.

A checkpoint is opened without running any code from it. Its archive is tested before it is read.
"""

import sys

from dfnas.artifacts.teacher import save_teacher
from dfnas.classifiers.assembly import assemble
from dfnas.classifiers.metadata import complete
from dfnas.classifiers.names import TORCHSCRIPT
from dfnas.classifiers.teacher import Teacher
from dfnas.classifiers.weights import read_weights
from dfnas.measure.complexity import count_parameters
from dfnas.runtime.files import digest
from dfnas.settings.teacher import TeacherSettings
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

STAGE = Stage("import_teacher", __doc__, TeacherSettings)
STAGE.output("--out", required=True, help="the teacher, as the other stages read it")
STAGE.argument(
    "--section", default="teacher", metavar="NAME", help="of the configuration, for complaints (default: teacher)"
)


def import_teacher(job: Job[TeacherSettings]) -> None:
    section = job.options.section
    state = read_weights(job.settings, section)  # first: where they cannot be had, nothing else matters
    spec, path = complete(job.settings, section), job.settings.file()
    where = str(path or f"{section}.weights = '{spec.weights}'")
    teacher = assemble(spec, state, where, section, thoroughly=True)
    kept = state if spec.builder == TORCHSCRIPT else teacher.network.state_dict()
    job.reads(*([path] if path else []), code=spec.code())
    save_teacher(job.options.out, spec, kept, job.provenance())
    source = f"{path.name}, SHA-256 {digest(path)[:16]}" if path else spec.weights
    print(f"{section} {spec.builder} from {source}: {_described(teacher)}", file=sys.stderr)


def _described(teacher: Teacher) -> str:
    """One line on what the synthesis will find."""
    size = " x ".join(map(str, (teacher.spec.channels, *teacher.spec.size)))
    norms = len(teacher.batch_norms())
    line = f"{norms} BatchNorm2d layers, {count_parameters(teacher.network):,} parameters, input {size}"
    return line if norms else f"{line}; without BatchNorm the inversion needs invert_teacher.feature_weight 0"


if __name__ == "__main__":
    sys.exit(STAGE.main(import_teacher))
