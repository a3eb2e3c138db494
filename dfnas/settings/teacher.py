"""Settings of the teacher: the classifier whose data must not be touched."""

from pathlib import Path
from typing import Annotated, Any, TypeGuard

from pydantic import AfterValidator, Field, model_validator

from dfnas.runtime.paths import expanded
from dfnas.settings.base import Count, Settings, Size
from dfnas.settings.normalisation import Deviations, Means

ONE_LOGIT = "of a network with one logit for two classes make two, [0, that one], in a wrapper"


def _several(count: int) -> int:
    if count < 2:
        raise ValueError(f"expected 2 or more; {ONE_LOGIT}")
    return count


def is_published(weights: str | None) -> TypeGuard[str]:
    """Whether `weights` asks for what the builder's library publishes, and not for a file."""
    return weights is not None and weights.partition(":")[0] == "published"


Classes = Annotated[Count, AfterValidator(_several), Field(json_schema_extra={"minimum": 2})]


class TeacherSettings(Settings):
    """Section `teacher`."""

    weights: str | None = None
    """Checkpoint of the pre-trained classifier, with `~` and environment variables expanded; or `published`, or
    `published:<name>`, for what the builder's library publishes. Without any, `pretrain_teacher` trains a stand-in."""
    weights_key: str | None = None
    """Which weights of a file to take, where it has several: the keys that lead to them, joined by dots, or what their
    names begin with. Left out, those that training itself moved, and not their running average."""
    builder: str = "dfnas.cifar_resnet:cifar_resnet"
    """What builds the network: `torchvision:<model>`, `timm:<model[.tag]>`, `hub:<owner/repo[:ref] or folder>:<entry>`,
    `torchscript` (the weights are the network), `module:callable` or `file.py:callable`."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the builder."""
    classes: Classes | None = None
    """Number of classes, 2 or more: the length of the teacher's logits. May be left out where published weights say it,
    as may all that follows."""
    channels: Count | None = None
    """Channels of an input image."""
    size: Size | None = None
    """Pixels of an input image: the side of a square, or [height, width]."""
    mean: Means | None = None
    """What the teacher's training subtracted from pixels in [0, 1], per channel: numbers from 0 to 1."""
    std: Deviations | None = None
    """What it divided by afterwards, per channel: at most 1; 0.00392 (1/255) for a network that takes 0 to 255."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes in the order of the logits, or an empty list."""

    def file(self) -> Path | None:
        """The file with the weights; None for published weights, or without any."""
        return None if self.weights is None or is_published(self.weights) else Path(expanded(self.weights, "weights"))

    @model_validator(mode="after")
    def _key_is_in_a_file(self) -> "TeacherSettings":
        in_file = self.weights is not None and not is_published(self.weights)
        if self.weights_key is not None and not (in_file and self.builder != "torchscript"):
            raise ValueError("weights_key names weights in a checkpoint, and weights is no such file")
        return self

    @model_validator(mode="after")
    def _lengths_agree(self) -> "TeacherSettings":
        for name in ("mean", "std"):
            values = getattr(self, name)
            if values is not None and self.channels is not None and len(values) != self.channels:
                raise ValueError(f"{name} has {len(values)} values, expected one per channel")
        if self.class_names and self.classes is not None and len(self.class_names) != self.classes:
            raise ValueError(f"class_names has {len(self.class_names)} names, expected {self.classes}")
        return self
