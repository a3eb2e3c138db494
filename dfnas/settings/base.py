"""What all settings have in common: frozen, typed, no unknown keys, every field explained."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
CountOrZero = Annotated[int, Field(ge=0)]


class Settings(BaseModel):
    """A section of the configuration. Fields carry their unit in the name or in the description."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


def describe(error: ValidationError, section: str = "") -> str:
    """The first fault of a validation as one line: the key, the value, and what is allowed there."""
    faults = error.errors(include_url=False)
    fault = faults[0]
    # Branches of a union add their own name to the location: a key of the file never has brackets.
    location = [str(part) for part in fault["loc"] if not (isinstance(part, str) and "[" in part)]
    key = ".".join([section, *location] if section else location) or "configuration"
    if fault["type"] == "extra_forbidden":
        story = f"unknown key '{key}'"
    elif fault["type"] == "missing":
        story = f"missing key '{key}'"
    else:
        message = fault["msg"].removeprefix("Value error, ")
        story = f"{key} = {fault['input']!r}: {message[0].lower()}{message[1:]}"
    return story + (f" (and {len(faults) - 1} more)" if len(faults) > 1 else "")
