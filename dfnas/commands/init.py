"""Make a project of a checkpoint: a folder with a configuration that fits the classifier, this machine and some hours.

The network is loaded; what its weights and their metadata do not say is asked for, by options or on the terminal. A few
steps of each long stage are timed here, and the sizes follow. Nothing but the folder's two files is written.
"""

import argparse
import json
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from dfnas.doctor.estimate import duration
from dfnas.doctor.machine import this_machine
from dfnas.doctor.workflow import checkout
from dfnas.project.classifier import GIVEN, Classifier, find_out
from dfnas.project.draft import ORDER, Draft, first_draft, fitted, smaller
from dfnas.project.measuring import measured
from dfnas.project.questions import NORMALISATIONS, QUESTIONS
from dfnas.project.writing import head, readme
from dfnas.runtime.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what the command takes."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="to be made; config.yaml and README.md go there")
    the = parser.add_argument_group("the classifier (docs/teachers.md)")
    the.add_argument("--weights", metavar="FILE", help="its checkpoint; or published, or published:NAME")
    the.add_argument("--weights-key", metavar="KEY", help="which weights of a file to take, where it has several")
    the.add_argument("--builder", metavar="NAME", help="torchvision:…, timm:…, hub:…, file.py:… or module:callable")
    the.add_argument("--arguments", type=_section, metavar="JSON", help="of the builder, such as '{\"depth\": 20}'")
    the.add_argument("--classes", type=int, metavar="N", help="how many it tells apart")
    the.add_argument("--channels", type=int, metavar="N", help="of an image")
    the.add_argument("--size", nargs="+", metavar="N", help="side of an image in pixels, or height and width: 24x32")
    the.add_argument("--normalisation", choices=NORMALISATIONS, help="mean and deviation by a usual name")
    the.add_argument("--mean", type=float, nargs="+", metavar="X", help="of pixels in [0, 1], per channel")
    the.add_argument("--std", type=float, nargs="+", metavar="X", help="deviation, per channel")
    the.add_argument("--class-names", nargs="+", metavar="NAME", help="in the order of the logits")
    the.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        help="mirrored images are of the same class (default: in colour)",
    )
    parser.add_argument("--originals", type=Path, metavar="PATH", help="original images, if any: .npz, or a folder")
    parser.add_argument("--hours", type=float, default=1.0, metavar="H", help="that all may take here (default: 1)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--quick", action="store_true", help="time nothing; take the preset's sizes")


def run(options: argparse.Namespace) -> int:
    """Writes the project. Raises InputError where the classifier cannot be used, or too little is known of it."""
    folder, root = options.folder, checkout()
    for name in ("config.yaml", "README.md"):
        if (folder / name).exists():
            raise InputError(f"{folder / name} is there already; name another folder, or remove it")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is there and no folder; name another")
    if options.originals is not None and not options.originals.exists():
        raise InputError(f"--originals {options.originals}: nothing is there")
    if not options.hours > 0:
        raise InputError(f"--hours {options.hours:g}: expected more than 0")
    with redirect_stdout(sys.stderr):  # what a user's builder prints is no part of the answer
        classifier = find_out(_given(options))
    _tell_of(classifier)
    machine, spec = this_machine(), classifier.teacher.spec
    flip = spec.channels >= 3 if options.flip is None else options.flip
    originals = _originals(options.originals, classifier)
    draft = first_draft(root, classifier, f"{folder}/results", originals, machine, flip=flip, device=options.device)
    story = f"the sizes of {draft.preset.path.stem}, not timed on this machine"
    if not options.quick:
        draft, story = _sized(root, draft, options.hours)
    folder.mkdir(parents=True, exist_ok=True)
    call = f"dfnas init --hours {options.hours:g} on {machine.whole_cores} cores: {story}"
    (folder / "config.yaml").write_text(draft.text(head(folder, call)), encoding="utf-8")
    (folder / "README.md").write_text(readme(folder, draft, story), encoding="utf-8")
    print(f"{folder}/config.yaml: {story}")
    print(f"next: dfnas try {shlex.quote(f'{folder}/config.yaml')}   ({folder}/README.md says what then)")
    return 0


def _sized(root: Path, draft: Draft, hours: float) -> tuple[Draft, str]:
    """The draft as large as fits into some hours, and what there is to say of it."""
    _tell("measuring this machine, which takes minutes (--quick leaves it out) …")
    found = measured(root, draft.text(""), _tell)
    for _ in range(4):
        if not found.failures and found.memory_mb <= found.machine.available_mb:
            break
        if any("memory" not in failure and "killed" not in failure for failure in found.failures):
            raise InputError(f"a stage fails on this classifier: {found.failures[0]}")
        draft = smaller(draft)
        _tell(f"too large for {found.machine.available_mb} MB of memory; once more, with smaller batches")
        found = measured(root, draft.text(""), _tell)
    else:
        raise InputError(f"no batch fits into {found.machine.available_mb} MB of memory: {found.failures[0]}")
    draft, seconds = fitted(draft, found, hours)
    images, generations = draft.said("synthesis", "images"), draft.said("synthesis", "generations")
    story = f"{generations} x {images} images, about {duration(seconds)} on this machine, jobs of {found.memory_mb} MB"
    if seconds > 3600 * hours:
        spec = draft.classifier.teacher.spec
        story += f"; the {hours:g} h asked for are less than the least that {spec.classes} classes of this size take"
    return draft, story


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _given(options: argparse.Namespace) -> dict[str, Any]:
    given = {key: value for key in ORDER if (value := getattr(options, key)) is not None}
    if options.size is not None:
        height, width = _size(" ".join(options.size))
        given["size"] = height if height == width else [height, width]
    if options.normalisation is not None:
        if options.mean or options.std:
            raise InputError("--normalisation stands for --mean and --std; say one or the other")
        given["normalisation"] = options.normalisation
    elif (options.mean is None) != (options.std is None):
        raise InputError(f"{'--std' if options.std is None else '--mean'} is missing beside the other")
    return given


def _tell_of(classifier: Classifier) -> None:
    spec = classifier.teacher.spec
    for key in ("builder", "arguments", "classes", "channels", "size", "mean", "std"):
        value = classifier.section.get(key)
        if value not in (None, {}):
            print(f"  {key:10} {value}   ({classifier.sources.get(key, GIVEN)})")
    if not classifier.has_norms:
        print("  without BatchNorm: images have nothing but its logits to go by, and will be poorer")
    if len(spec.class_names) == 0:
        print("  class_names are not known: pictures number the classes (--class-names)")


def _originals(path: Path | None, classifier: Classifier) -> dict[str, Any]:
    if path is None:
        return {"source": "none"}
    spec = classifier.section
    kept = {key: spec[key] for key in ("size", "mean", "std")}
    return {"source": "folder" if path.is_dir() else "npz", "path": str(path), **kept}


def _size(text: str) -> tuple[int, int]:
    try:
        return QUESTIONS["size"].read(text)
    except ValueError as error:
        raise InputError(f"--size {text}: expected {QUESTIONS['size'].expected}") from error


def _section(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected JSON such as '{{\"depth\": 20}}' ({error})") from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError("expected JSON such as '{\"depth\": 20}'")
    return found
