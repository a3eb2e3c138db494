"""CSV files. What a line holds is a typed model, whose fields are the columns; what does not fit it is one line."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, PlainSerializer, ValidationError

from dfnas.artifacts.document import fault
from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import read_csv, write_csv


def decimals(digits: int) -> PlainSerializer:
    """How a number is written, as `Annotated[float, decimals(3)]`: with so many digits after the point."""
    return PlainSerializer(lambda value: None if value is None else f"{value:.{digits}f}")


class Line(BaseModel):
    """A line of a CSV file. An empty text stands for the default of its column, if it has one."""

    model_config = ConfigDict(
        frozen=True, allow_inf_nan=False, use_attribute_docstrings=True, validate_by_name=True, validate_by_alias=True
    )

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """The names of the columns, which every file has."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())

    @classmethod
    def read(cls, path: str | Path) -> list[Self]:
        """Reads what `write` wrote, with further columns or without.

        Raises:
            InputError: no such file, no CSV, a column is missing, or a value is not of its column's type.
        """
        needed = [field.alias or name for name, field in cls.model_fields.items() if field.is_required()]
        lines = []
        for number, row in enumerate(read_csv(path, cls.columns()), 1):
            given = {name: text for name, text in row.items() if text or name in needed}
            try:
                lines.append(cls.model_validate_strings(given))
            except ValidationError as error:
                raise InputError(f"{path}, row {number}: {fault(error, given)}; {rebuild(path)}") from error
        return lines

    @classmethod
    def write(cls, path: str | Path, lines: Iterable[Self]) -> None:
        """Writes the lines below a header: the model's columns, then those that only some lines have."""
        rows = [line.texts() for line in lines]
        write_csv(path, dict.fromkeys((*cls.columns(), *(name for row in rows for name in row))), rows)

    def texts(self) -> dict[str, str]:
        """The values by column, as they are written."""
        values = self.model_dump(by_alias=True)
        return {name: "" if value is None else str(value) for name, value in values.items()}
