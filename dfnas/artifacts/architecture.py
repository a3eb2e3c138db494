"""architecture.json as a whole, see `dfnas.spaces.architecture` for what a network is built from."""

from typing import Any, ClassVar

from pydantic import Field

from dfnas.artifacts.document import Document, Part, Whole


class SpaceName(Part):
    name: str


class FoundArchitecture(Document):
    """What a search found, or a person wrote."""

    by_hand: ClassVar[bool] = True

    space: SpaceName
    choices: dict[str, str]
    macs: Whole
    """Multiply-accumulates of an image."""
    parameters: Whole
    search: dict[str, Any] = Field(default_factory=dict)
    """How the search went."""
