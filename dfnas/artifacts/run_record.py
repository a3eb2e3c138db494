"""run.json: the configuration and the packages of the last call that ran anything."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field

from dfnas.artifacts.document import Document, Part


class _LookedInto(Part):
    """What a reader relies on in the configuration."""

    results_dir: str = ""
    sources: dict[str, dict[str, Any]] = Field(default_factory=dict)


class RunRecord(Document):
    """The record of a call."""

    configuration: dict[str, Any]
    packages: dict[str, str]
    """Versions by name."""

    @classmethod
    def read(cls, path: str | Path) -> Self:
        record = super().read(path)
        _LookedInto.of(record.configuration, path, "configuration")
        return record
