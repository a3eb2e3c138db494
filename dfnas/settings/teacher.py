"""Settings of the teacher: the classifier whose data must not be touched."""

from typing import Any

from pydantic import Field, model_validator

from dfnas.settings.base import Count, Number, Positive, Settings, Size


class TeacherSettings(Settings):
    """Section `teacher`."""

    weights: str | None = None
    """Checkpoint of the pre-trained classifier, with `~` and environment variables expanded; or `published`, or
    `published:<name>`, for what the builder's library publishes. Without any, `pretrain_teacher` trains a stand-in."""
    builder: str = "dfnas.cifar_resnet:cifar_resnet"
    """What builds the network: `torchvision:<model>`, `timm:<model[.tag]>`, `hub:<owner/repo[:ref] or folder>:<entry>`,
    `torchscript` (the weights are the network), `module:callable` or `file.py:callable`."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the builder."""
    classes: Count | None = None
    """Number of classes, the length of the teacher's logits. May be left out where published weights say it, as may
    all that follows."""
    channels: Count | None = None
    """Channels of an input image."""
    size: Size | None = None
    """Pixels of an input image: the side of a square, or [height, width]."""
    mean: tuple[Number, ...] | None = None
    """What the teacher's training subtracted from pixels in [0, 1], per channel."""
    std: tuple[Positive, ...] | None = None
    """What it divided by afterwards, per channel."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes in the order of the logits, or an empty list."""

    @model_validator(mode="after")
    def _lengths_agree(self) -> "TeacherSettings":
        for name in ("mean", "std"):
            values = getattr(self, name)
            if values is not None and self.channels is not None and len(values) != self.channels:
                raise ValueError(f"{name} has {len(values)} values, expected one per channel")
        if self.class_names and self.classes is not None and len(self.class_names) != self.classes:
            raise ValueError(f"class_names has {len(self.class_names)} names, expected {self.classes}")
        return self
