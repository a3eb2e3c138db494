"""Make 16 images with a configuration in a few minutes, and say in words whether the classifier sees in them what it
should.

Nothing is written but try.png, the images with what was asked for and what was seen, and try.txt, what was said, beside
the last configuration file. Exit status: 0 where a long run is worth its time, 1 where it is not.
"""

import argparse
import sys
import time
from contextlib import ExitStack, redirect_stdout
from io import BytesIO
from pathlib import Path

from dfnas.classifiers.assembly import assemble
from dfnas.classifiers.examination import check_norms
from dfnas.classifiers.metadata import complete
from dfnas.classifiers.teacher import Teacher
from dfnas.classifiers.weights import read_weights
from dfnas.dataset.augment import center
from dfnas.doctor.machine import this_machine
from dfnas.doctor.networks import judge_answers
from dfnas.doctor.workflow import checkout, read_configuration
from dfnas.project import normalisation, verdicts
from dfnas.project.attempt import Attempt, attempt
from dfnas.runtime.device import prepare
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import write_bytes
from dfnas.settings.config import Config

WELL, DOUBTFUL = 0, 1
COLUMNS = 4
OF_STEPS = 0.9
"""Share of its minutes after which the last step is made; what is left is for looking at the images."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what the command takes."""
    parser.add_argument("configuration", type=Path, nargs="+", metavar="CONFIG", help="files, laid over config.yaml")
    parser.add_argument(
        "--image", type=Path, nargs="+", default=[], metavar="FILE", help="real images, to check the normalisation by"
    )
    parser.add_argument("--minutes", type=float, default=2.0, metavar="M", help="that it may take (default: 2)")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where try.png and try.txt go (default: beside CONFIG)"
    )


def run(options: argparse.Namespace) -> int:
    """Prints the verdict, and returns the exit status. Raises InputError where no image can be made."""
    if not options.minutes > 0:
        raise InputError(f"--minutes {options.minutes:g}: expected more than 0")
    for path in options.image:
        if not path.is_file():
            raise InputError(f"--image {path}: no such file")
    config = read_configuration(checkout(), options.configuration)
    if config.teacher.weights is None:
        raise InputError(
            "the configuration has no teacher.weights: there is no classifier to try; see dfnas init --help"
        )
    folder = options.out or options.configuration[-1].parent
    with ExitStack() as held, redirect_stdout(sys.stderr):  # what a user's builder prints is no part of the answer
        device = prepare(config.device, this_machine().whole_cores, held)  # which may wait for a GPU
        begun = time.perf_counter()
        teacher = _teacher(config).to(device)
        found = attempt(teacher, config.invert_teacher, OF_STEPS * 60 * options.minutes - (time.perf_counter() - begun))
        real = _compared(teacher, options.image)
    said = _story(teacher, found, real, options.configuration)
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "try.png", _picture(teacher, found))
    write_bytes(folder / "try.txt", ("\n".join(said) + "\n").encode())
    print("\n".join([*said, "", f"Look at {folder / 'try.png'}; this text is {folder / 'try.txt'}."]))
    return WELL if verdicts.is_well(found, teacher.spec.classes) else DOUBTFUL


def _teacher(config: Config) -> Teacher:
    section = config.teacher
    state, where = read_weights(section), str(section.file() or section.weights)
    teacher = assemble(complete(section), state, where, thoroughly=True)
    if config.invert_teacher.feature_weight:
        check_norms(teacher, where)
    return teacher


def _compared(teacher: Teacher, paths: list[Path]) -> list[normalisation.Suits]:
    if not paths:
        return []
    from dfnas.dataset.folders import read_pictures  # needs pillow

    return normalisation.compared(teacher, read_pictures(paths, teacher.spec.size, teacher.spec.channels))


def _story(teacher: Teacher, found: Attempt, real: list[normalisation.Suits], paths: list[Path]) -> list[str]:
    spec, names = teacher.spec, teacher.spec.names()
    said = [verdicts.agreement(found, spec.classes), "" if found.is_short else verdicts.one_sided(found, names)]
    if (judged := judge_answers(teacher)).level == "warning":
        said.append(f"{judged.story[0].upper()}{judged.story[1:]}")
    if real:
        said += verdicts.normalisation(real, names)
    else:
        said.append(verdicts.unseen_normalisation(f"dfnas try {' '.join(map(str, paths))} --image FILE"))
    return [line for line in said if line]


def _picture(teacher: Teacher, found: Attempt) -> bytes:
    from dfnas.pictures.contact_sheet import contact_sheet  # needs pillow

    names, content = teacher.spec.names(), BytesIO()
    captions = [
        (f"for {names[target]}", f"seen {names[seen]} ({label[seen]:.0%})")
        for target, seen, label in zip(found.classes.tolist(), found.seen.tolist(), found.labels, strict=True)
    ]
    images = center(found.images, teacher.spec.size).numpy()
    contact_sheet(images, captions, COLUMNS).save(content, "PNG")
    return content.getvalue()
