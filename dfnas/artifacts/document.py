"""JSON files. What a file holds is a typed model; what does not fit the model is one line.

A forger can recompute the digest of a file, so the types of its values are checked too.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, ValidationError
from pydantic_core import PydanticKnownError

from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import read_json, write_json
from dfnas.settings.base import LARGEST

EXPECTED = {
    "string_type": "a text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "dict_type": "an object",
    "model_type": "an object",
    "list_type": "a list",
}
"""What a value should be, by pydantic's name for the fault."""
SHOWN = 40
"""Characters of a wrong value."""


def _whole(value: Any) -> Any:
    if isinstance(value, int) and abs(value) >= LARGEST:
        raise PydanticKnownError("int_type")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or _is_long(value):
        raise PydanticKnownError("float_type")
    return value


def _is_long(value: float) -> bool:
    return isinstance(value, int) and abs(value) >= LARGEST


Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number. A longer one may be too large for a float."""
Number = Annotated[float, PlainValidator(_number)]
"""Any number, which stays what it is: 1 does not become 1.0."""


class Part(BaseModel):
    """An object in a file. It may have more keys than the model names."""

    model_config = ConfigDict(frozen=True, strict=True, use_attribute_docstrings=True)

    @classmethod
    def of(cls, value: Any, path: str | Path, place: str = "") -> Self:
        """The object that was read from a file.

        Args:
            place: of the object in the file, its keys joined by dots.

        Raises:
            InputError: a key is missing, or a value is of another type.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise InputError(f"{path} {fault(error, value, place)}; {rebuild(path)}") from error

    def plain(self) -> dict[str, Any]:
        """The object as plain values, without the keys that nobody gave."""
        return self.model_dump(exclude_unset=True)


class Document(Part):
    """A JSON file, sealed by a digest of its content."""

    by_hand: ClassVar[bool] = False
    """Whether a person may have written it, see `read_json`."""

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Reads what `write` wrote. Raises InputError: no such file, damaged, or with values that do not fit."""
        return cls.of(read_json(path, cls.by_hand), path)

    def write(self, path: str | Path) -> None:
        """Writes the file, its keys in the order of the model."""
        write_json(path, self.plain())


def fault(error: ValidationError, value: Any, place: str = "") -> str:
    """The first fault of a validation, as the end of a sentence about the file.

    Args:
        value: what was validated.
        place: of it in the file.
    """
    found = error.errors(include_url=False)[0]
    where = ".".join([*([place] if place else []), *_keys(value, found["loc"])])
    if found["type"] == "missing":
        return f"has no '{where}'"
    if found["type"] == "literal_error":
        return f"has {where} {_short(found['input'])}, {found['msg'].replace('Input should be', 'expected')}"
    expected = EXPECTED.get(found["type"]) or found["msg"]
    return f"has {_short(found['input'])} for '{where}', expected {expected}" if where else f"is not {expected}"


def _keys(value: Any, location: Sequence[str | int]) -> Iterator[str]:
    """The keys on the way to a fault, without the names that pydantic gives to the branches of a union."""
    for key in location:
        if isinstance(value, Mapping):
            yield str(key)
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int):
            yield str(key)
            value = value[key]


def _short(value: Any) -> str:
    text = " ".join(json.dumps(value, ensure_ascii=False, default=str)[: 2 * SHOWN].split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
