"""What an artifact says of what made it, see `Job.provenance`."""

from typing import Any

from pydantic import ConfigDict, Field

from dfnas.artifacts.document import Part, Whole


class Provenance(Part):
    """All that determined an artifact. Some say more than is named here."""

    model_config = ConfigDict(extra="allow")

    stage: str
    dfnas: str
    """Its version, as torch's."""
    torch: str
    code: str
    """A digest of the code of the stage."""
    references: list[str] = Field(default_factory=list)
    """Code that the settings name."""
    device: str
    processes: Whole = 1
    """That did the work together."""
    arguments: dict[str, Any]
    settings: dict[str, Any]
    """Of the stage's section."""
    inputs: dict[str, str]
    """SHA-256 of the files that were read, by their names in the folder of results."""
