"""Settings of the teacher: the classifier whose data must not be touched."""

from typing import Any

from pydantic import Field, model_validator

from dfnas.settings.base import Count, Number, Positive, Settings, Size


class TeacherSettings(Settings):
    """Section `teacher`."""

    weights: str | None = None
    """Checkpoint of the pre-trained classifier; environment variables are expanded. Without one,
    `pretrain_teacher` trains a stand-in."""
    builder: str = "dfnas.cifar_resnet:cifar_resnet"
    """What builds the network: `torchvision:resnet50`, `module:callable` or `file.py:callable`."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the builder."""
    classes: Count = 10
    """Number of classes, the length of the teacher's logits."""
    channels: Count = 3
    """Channels of an input image."""
    size: Size = (32, 32)
    """Pixels of an input image: the side of a square, or [height, width]."""
    mean: tuple[Number, ...] = (0.485, 0.456, 0.406)
    """What the teacher's training subtracted from pixels in [0, 1], per channel."""
    std: tuple[Positive, ...] = (0.229, 0.224, 0.225)
    """What it divided by afterwards, per channel."""
    class_names: tuple[str, ...] = ()
    """Names of the classes in the order of the logits, or an empty list."""

    @model_validator(mode="after")
    def _lengths_agree(self) -> "TeacherSettings":
        for name in ("mean", "std"):
            if len(getattr(self, name)) != self.channels:
                raise ValueError(f"{name} has {len(getattr(self, name))} values, expected one per channel")
        if self.class_names and len(self.class_names) != self.classes:
            raise ValueError(f"class_names has {len(self.class_names)} names, expected {self.classes}")
        return self
