"""What all settings have in common: frozen, typed, no unknown keys, every field explained."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic_core import ErrorDetails

from dfnas.runtime.errors import InputError


def _number(value: Any) -> Any:
    """YAML 1.1 takes 1e-4, without a dot, for text, and so does snakemake --config take every nested number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d+", value) else value


def as_flag(value: Any) -> Any:
    """`true` and `false` as texts, which is what a command line has, as flags; anything else as it is."""
    return value.lower() == "true" if isinstance(value, str) and value.lower() in ("true", "false") else value


LARGEST = 2**63
"""Whole numbers in settings and artifacts are below it: a longer one may be too large for a float."""
LONGEST_SIDE = 2**15
"""Of a side: a slip beyond it would be found by a machine without memory, and not by a message."""


def as_size(value: Any) -> tuple[int, int]:
    """(height, width) in pixels of 32, which means a square, or of [24, 32].

    Raises:
        InputError: it is neither.
    """
    pair = [value, value] if isinstance(value, int | str) else value
    if isinstance(pair, list | tuple) and len(pair) == 2:
        sides = tuple(_integer(side) for side in pair)
        if all(isinstance(side, int) and not isinstance(side, bool) and 1 <= side <= LONGEST_SIDE for side in sides):
            return sides
    raise InputError(
        f"expected one side or [height, width], in whole pixels of 1 or more (and {LONGEST_SIDE} at most), not "
        f"{value!r}"
    )


def _plain_size(size: tuple[int, int]) -> int | tuple[int, int]:
    return size[0] if size[0] == size[1] else size


def _pair(value: Any) -> Any:
    """A list as a tuple: where a section is laid over a recipe, strict checking no longer sees JSON."""
    return tuple(value) if isinstance(value, list) else value


Number = Annotated[float, BeforeValidator(_number)]
Integer = Annotated[int, BeforeValidator(_integer)]
Flag = Annotated[bool, BeforeValidator(as_flag)]
Fraction = Annotated[Number, Field(ge=0, le=1)]
Decay = Annotated[Number, Field(ge=0, lt=1)]
NonNegative = Annotated[Number, Field(ge=0)]
Positive = Annotated[Number, Field(gt=0)]
Temperature = Annotated[Number, Field(ge=0.01, le=1000)]
"""What logits are divided by. Beyond these, labels are no numbers any more, or say nothing of the classes."""
Seed = Annotated[Integer, Field(gt=-LARGEST, lt=LARGEST)]
"""What artifacts can hold: a reader of theirs takes a longer number for damage."""
Count = Annotated[Integer, Field(ge=1)]
FractionPair = Annotated[tuple[Fraction, Fraction], BeforeValidator(_pair)]
PositivePair = Annotated[tuple[Positive, Positive], BeforeValidator(_pair)]
CountOrZero = Annotated[Integer, Field(ge=0)]
Size = Annotated[
    tuple[Count, Count],
    BeforeValidator(as_size, json_schema_input_type=Count | tuple[Count, Count]),
    PlainSerializer(_plain_size, when_used="json"),
]
"""(height, width) in pixels; a square may be written as one side."""


class Settings(BaseModel):
    """A section of the configuration. Fields carry their unit in the name or in the description."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    @classmethod
    def parse(cls, values: Any, section: str = "") -> Self:
        """Settings from plain values, as YAML or JSON give them.

        Args:
            section: what to put before the keys in a complaint.

        Raises:
            InputError: an unknown key, a wrong type or an impossible value, in one line that names the key,
                the value and what is allowed.
        """
        try:
            # By way of JSON, where strict checking still takes a list for a tuple and 1 for 1.0.
            return cls.model_validate_json(json.dumps(values, default=str))
        except ValidationError as error:
            raise InputError(describe(error, cls, section)) from error

    def plain(self) -> dict[str, Any]:
        """The settings as plain values: the inverse of `parse`."""
        return self.model_dump(mode="json")


def describe(error: ValidationError, settings: type[Settings], section: str = "") -> str:
    """All faults of a validation as one line: of each the key, the value, and what is allowed there."""
    return "; and ".join(_described(fault, settings, section) for fault in error.errors(include_url=False))


def _described(fault: ErrorDetails, settings: type[Settings], section: str) -> str:
    whole = (
        "" if isinstance(fault["input"], dict) else section or "configuration"
    )  # of which a fault between its keys speaks
    parts = ((section,) if section and fault["loc"] else ()) + fault["loc"]
    key = ".".join(str(part) if str(part).isprintable() else repr(part) for part in parts) or whole
    if fault["type"] == "extra_forbidden":
        story = f"unknown key '{key}'; expected one of {', '.join(_keys(settings, fault['loc'][:-1]))}"
    elif fault["type"] == "missing":
        story = f"missing key '{key}'"
    else:
        message = fault["msg"].removeprefix("Value error, ")
        value = "" if isinstance(fault["input"], dict) else f" = {fault['input']!r}"
        place = f"{key}{value}: " if key or value else ""
        story = f"{place}{message[0].lower()}{message[1:]}{_advice(fault)}"
    return story


def _advice(fault: Mapping[str, Any]) -> str:
    """What to do where YAML has made another thing of a value than was meant."""
    if fault["input"] is None and fault["type"] in ("model_type", "dict_type"):
        return "; indent its keys below it, or leave it out"
    if isinstance(fault["input"], bool) and fault["type"] in ("string_type", "literal_error"):
        return "; to YAML yes, no, on and off are true and false: write it in quotes"
    if fault["type"] == "string_type" and isinstance(fault["input"], int | float):
        return "; write it in quotes"
    return ""


def _keys(settings: type[Settings], location: tuple[str | int, ...]) -> list[str]:
    """The keys of the section at a location."""
    for part in location:
        kinds = sections_in(settings.model_fields[part].annotation) if part in settings.model_fields else []
        settings = next(iter(kinds), settings)
    return list(settings.model_fields)


def sections_in(annotation: Any) -> list[type[Settings]]:
    """The sections inside a type: itself, or the members of a union, tuple or mapping."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [kind for inner in get_args(annotation) for kind in sections_in(inner)]
