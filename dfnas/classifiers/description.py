"""What a classifier is: all that a section of the configuration says of it, with nothing left out."""

from collections.abc import Mapping
from typing import Any, Self

from dfnas.classifiers.names import code_of
from dfnas.settings.base import Count, Size
from dfnas.settings.normalisation import Deviations, Means
from dfnas.settings.teacher import Classes, TeacherSettings


class TeacherSpec(TeacherSettings):
    """How to build a teacher and how to feed it. Travels with its weights, and so without the names of their file."""

    classes: Classes = 10
    channels: Count = 3
    size: Size = (32, 32)
    mean: Means = (0.0, 0.0, 0.0)
    std: Deviations = (1.0, 1.0, 1.0)
    class_names: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Names of the K classes; their numbers where none were given."""
        return self.class_names or tuple(str(label) for label in range(self.classes))

    def code(self) -> tuple[str, ...]:
        """The user's code behind the builder, for `Job.provenance` and `Job.checkpoint`."""
        return code_of(self.builder)

    def as_dict(self) -> dict[str, Any]:
        """The form in which it travels."""
        return self.model_dump(exclude={"weights", "weights_key"})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`, of lists as well. Raises KeyError or ValueError where it is none."""
        return cls(**{**values, **{k: tuple(values[k]) for k in ("mean", "std", "class_names")}})
