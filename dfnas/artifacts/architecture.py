"""architecture.json as a whole, see `dfnas.spaces.architecture` for what a network is built from."""

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from dfnas.artifacts.document import Document, Part, Whole
from dfnas.runtime.files import read_json
from dfnas.spaces.architecture import space_of
from dfnas.spaces.space import Space


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


def read_architecture(path: Path) -> tuple[dict[str, Any], Space]:
    """What a file says of an architecture, which a person may have written, and the space that it is of.

    Raises:
        InputError: no such file, damaged, or no architecture; see `space_of`.
    """
    document = read_json(path, by_hand=True)
    return document, space_of(document, str(path))
