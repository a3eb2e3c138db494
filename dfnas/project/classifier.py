"""A classifier of the user's, from what is said of it to one that is known as a whole and was looked at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from dfnas.classifiers.assembly import assemble
from dfnas.classifiers.checkpoints import is_torchscript
from dfnas.classifiers.examination import check_norms
from dfnas.classifiers.metadata import complete, known_of
from dfnas.classifiers.names import TORCHSCRIPT, parse_builder
from dfnas.classifiers.teacher import Teacher
from dfnas.classifiers.torchscript import ScriptNetwork, named_weights
from dfnas.classifiers.weights import read_weights
from dfnas.project.checkpoint import (
    USUAL,
    Weights,
    built,
    channels_of,
    classes_of,
    fitting_arguments,
    only_side,
)
from dfnas.project.questions import answers, normalisation
from dfnas.settings.teacher import TeacherSettings

Ask = Callable[[list[str], str], dict[str, Any]]
GIVEN, METADATA, READ, TRIED = "as you said", "by its library", "of the weights", "by trying"


@dataclass
class Classifier:
    """What is known of a classifier."""

    section: dict[str, Any]
    """The section `teacher` as it will be written."""
    sources: dict[str, str]
    """Where each key is known from."""
    teacher: Teacher = field(repr=False)

    @property
    def has_norms(self) -> bool:
        """Whether it has BatchNorms whose statistics an inversion can aim at."""
        return bool(self.teacher.batch_norms())

    def takes(self, downscale: int) -> bool:
        """Whether it takes images averaged down by a factor."""
        spec = self.teacher.spec
        if any(side % downscale for side in spec.size):
            return False
        height, width = (side // downscale for side in spec.size)
        try:
            with torch.no_grad():
                self.teacher.network(torch.zeros(2, spec.channels, height, width))
        except Exception:  # a network of the user's: whatever a size that does not fit leads it to
            return False
        return True


def find_out(given: Mapping[str, Any], ask: Ask = answers) -> Classifier:
    """Loads a classifier and learns what its weights, their metadata and a few passes say.

    Args:
        given: keys of the section `teacher`, as far as they were said; `normalisation` names a usual mean and
            deviation.
        ask: answers to what cannot be known, by key, and why it cannot.

    Raises:
        InputError: it cannot be loaded, does not fit what was said, was never trained, or something is neither
            known nor answered.
    """
    said = dict(given)
    if "builder" not in said and "weights" in said:
        script = TeacherSettings.parse({"weights": said["weights"]}).file()
        if script is not None and script.is_file() and is_torchscript(script):
            said["builder"] = TORCHSCRIPT
    if "builder" in said and parse_builder(said["builder"]).kind in ("torchvision", "timm"):
        said.setdefault("weights", "published")
    if missing := [key for key in ("builder", "weights") if key not in said]:
        said |= ask(missing, "what the classifier is cannot be read off its weights")
    sources = dict.fromkeys(said, GIVEN)
    usual = said.pop("normalisation", None)
    settings = TeacherSettings.parse(said, "teacher")
    for key, value in known_of(settings).items():
        if key not in said and value not in (None, [], {}):
            said[key], sources[key] = value, METADATA
    state = read_weights(settings)
    _learn(said, sources, state, usual is not None or {"mean", "std"} <= said.keys(), ask)
    usual = said.pop("normalisation", usual)
    if not {"mean", "std"} <= said.keys():
        if usual is None:
            usual = ask(["normalisation"], "the normalisation of a training is not in its weights")["normalisation"]
        said |= usual if isinstance(usual, dict) else normalisation(usual, said["channels"])
        sources |= dict.fromkeys(("mean", "std"), GIVEN)
    section = {key: _plain(value) for key, value in said.items()}
    settings = TeacherSettings.parse(section, "teacher")
    where = str(settings.file() or settings.weights)
    teacher = assemble(complete(settings), state, where, thoroughly=True)
    check_norms(teacher, where)
    return Classifier(section, sources, teacher)


def _learn(said: dict[str, Any], sources: dict[str, str], state: Weights, normalised: bool, ask: Ask) -> None:
    """Fills in arguments, channels, size and classes; and the normalisation, where it has to ask anyway and that is not
    known either."""
    settings = TeacherSettings.parse(said, "teacher")
    where = str(settings.file() or settings.weights)
    script = settings.builder == TORCHSCRIPT
    content = state[TORCHSCRIPT].numpy().tobytes() if script else b""
    if not script:
        arguments = fitting_arguments(settings, state, where)
        if arguments != settings.arguments:
            said["arguments"], sources["arguments"] = arguments, READ
        settings = TeacherSettings.parse(said, "teacher")
    if "channels" not in said:
        channels = channels_of(named_weights(content) if script else state)
        if channels is None and "mean" in said:
            channels = len(said["mean"])
        found = {"channels": channels} if channels is not None else ask(["channels"], f"{where} has no convolution")
        said["channels"], sources["channels"] = found["channels"], READ
    channels = said["channels"]

    def scripted(images: torch.Tensor) -> Any:
        return ScriptNetwork(content, images, where).eval()(images)

    network = scripted if script else built(settings, _pair(said.get("size", USUAL[0])), channels)
    if "size" not in said:
        side = only_side(network, channels)
        if side is not None:
            said["size"], sources["size"] = side, TRIED
        else:
            asked = ["size"] if normalised else ["size", "normalisation"]
            said |= ask(
                asked, f"{settings.builder} takes images of several sizes, and nothing says which it learnt from"
            )
            sources["size"] = GIVEN
    if "classes" not in said:
        found_classes = classes_of(network, channels, _pair(said["size"]))
        if found_classes is not None:
            said["classes"], sources["classes"] = found_classes, READ
        else:
            said |= ask(["classes"], f"{settings.builder} gives no logits for an image of {said['size']} pixels")
            sources["classes"] = GIVEN


def _pair(size: Any) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


def _plain(value: Any) -> Any:
    """As YAML has it."""
    if isinstance(value, tuple):
        return value[0] if len(value) == 2 and value[0] == value[1] else list(value)
    return value
