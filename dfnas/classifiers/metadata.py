"""What a classifier's weights say of its input and classes, so that a section of the configuration need not.

The libraries are imported only where a section leaves something out: the workflow asks before it plans.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.names import Builder, parse_builder, published_name
from dfnas.runtime.errors import InputError
from dfnas.runtime.packages import required
from dfnas.settings.base import as_size
from dfnas.settings.teacher import TeacherSettings, is_published

NEEDED = ("classes", "channels", "size", "mean", "std")
MOST_NAMES = 2000  # a command line of a stage takes no more
TRANSFORMING = ("googlenet", "inception_v3")  # their published weights go with another normalisation, inside
TORCHVISION_FILE = re.compile(r".*-[0-9a-f]{8,10}\.pth")


def complete(settings: TeacherSettings, section: str = "teacher", task: Mapping[str, Any] | None = None) -> TeacherSpec:
    """The section with all that it leaves out, taken from its weights' metadata.

    Args:
        task: classes, channels and size for a network beside the teacher, where its metadata does not say them.

    Raises:
        InputError: the metadata does not say it either, or there is none; names the keys to set.
    """
    given = {name: value for name, value in settings.plain().items() if value is not None}
    if settings.class_names:
        given.setdefault("classes", len(settings.class_names))
    if settings.mean is not None:
        given.setdefault("channels", len(settings.mean))
    if any(name not in given for name in (*NEEDED, "class_names")):
        try:
            found = known_of(settings)
        except InputError as error:
            raise InputError(f"{section}: {error}") from error
        names = found.get("class_names", ())
        if len(names) != given.get("classes", found.get("classes")) or len(names) > MOST_NAMES:
            found.pop("class_names", None)
        given = given | {"arguments": found.pop("arguments", settings.arguments)}
        given = found | given
    given = dict(task or {}) | given
    missing = [f"{section}.{name}" for name in NEEDED if name not in given]
    if missing:
        weights = f", weights {settings.weights}," if settings.weights else ""
        raise InputError(
            f"{section}: nothing says what the input of {settings.builder}{weights} is; set {', '.join(missing)}"
        )
    return TeacherSpec.parse(given, section)


def known_of(settings: TeacherSettings) -> dict[str, Any]:
    """What the metadata of a section's weights say, by key; nothing where there are none.

    Raises:
        InputError: no such model or weights.
    """
    builder = parse_builder(settings.builder)
    if builder.kind == "torchvision":
        entry = torchvision_entry(builder.name, settings.weights)
        if entry is None:
            return {}
        own = {"transform_input": True} if builder.name in TRANSFORMING else {}
        return _of_torchvision(entry) | {"arguments": own | settings.arguments}
    if builder.kind == "timm" and (is_published(settings.weights) or "." in builder.name):
        return _of_timm(builder, settings)
    return {}


def torchvision_entry(model: str, weights: str | None) -> Any | None:
    """The entry of torchvision's weights that `weights` asks for, or whose file it is; None for a file of others.

    Raises:
        InputError: no such model or entry.
    """
    name = Path(weights or "").name
    if not is_published(weights) and not TORCHVISION_FILE.fullmatch(name):
        return None
    from torchvision import models

    try:
        entries = models.get_model_weights(model)
    except ValueError as error:
        raise InputError(f"builder 'torchvision:{model}': {error}") from error
    if not is_published(weights):
        return next((entry for entry in entries if Path(entry.url).name == name), None)
    wanted = published_name(weights).rpartition(".")[2] or "DEFAULT"
    if wanted not in entries.__members__:
        known = ", ".join(entries.__members__) or "none"
        raise InputError(f"weights '{weights}': torchvision publishes for {model}: {known}")
    return entries[wanted]


def timm_name(builder: Builder, weights: str | None) -> str:
    """The model with the tag that `published:<tag>` names, or the one that the builder itself names."""
    tag = published_name(weights) if is_published(weights) else ""
    return f"{builder.name.partition('.')[0]}.{tag}" if tag else builder.name


def _of_torchvision(entry: Any) -> dict[str, Any]:
    view, names = entry.transforms(), entry.meta.get("categories") or ()
    found: dict[str, Any] = {"class_names": list(names), "classes": len(names)} if names else {}
    if hasattr(view, "crop_size"):
        sides = list(view.crop_size)
        found["size"] = as_size(sides[0] if len(sides) == 1 else sides)
    if hasattr(view, "mean"):
        found |= {"mean": list(view.mean), "std": list(view.std), "channels": len(view.mean)}
    return found


def _of_timm(builder: Builder, settings: TeacherSettings) -> dict[str, Any]:
    models = required("timm.models", "timm", f"builder 'timm:{builder.name}'")
    name = timm_name(builder, settings.weights)
    try:
        values = models.get_pretrained_cfg(name).to_dict() | (settings.arguments.get("pretrained_cfg_overlay") or {})
    except (RuntimeError, AttributeError) as error:
        raise InputError(f"timm has no weights '{name}'; timm.list_pretrained('…') lists what it has") from error
    classes = settings.arguments.get("num_classes", values["num_classes"])
    channels = settings.arguments.get("in_chans", values["input_size"][0])
    found: dict[str, Any] = {"size": as_size(settings.arguments.get("img_size", list(values["input_size"][1:])))}
    found |= {"classes": classes, "channels": channels}
    if len(values["mean"]) == channels:
        found |= {"mean": list(values["mean"]), "std": list(values["std"])}
    if classes == values["num_classes"]:
        found["class_names"] = _timm_names(name, values)
    return found


def _timm_names(name: str, values: Mapping[str, Any]) -> list[str]:
    """Descriptions of the classes where timm knows the data set, which it tells by tag and number of classes."""
    from timm.data import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset(dict(values))
    if subset is None:
        return []
    info = ImageNetInfo(subset)
    return [info.index_to_description(label) for label in range(info.num_classes())]
