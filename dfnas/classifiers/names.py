"""What `builder` and `weights` in a section of the configuration may name, read without loading any library."""

import re
from pathlib import Path
from typing import NamedTuple

from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import split_reference
from dfnas.runtime.paths import expanded

TORCHSCRIPT = "torchscript"
KINDS = (
    "torchvision:<model>, timm:<model>, hub:<owner/repo[:ref] or folder>:<entry>, torchscript, "
    "or your own as module:name or file.py:name"
)
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(:[\w./-]+)?")


class Builder(NamedTuple):
    """A builder in parts. `kind` is torchvision, timm, hub, torchscript or object."""

    kind: str
    name: str
    """The model, the hub's entry, or all of `module:name`."""
    place: str = ""
    """The hub's repository, with its ref, or folder."""

    @property
    def is_folder(self) -> bool:
        """Whether the hub is a folder of the user's."""
        return self.kind == "hub" and (Path(self.place).is_dir() or not REPOSITORY.fullmatch(self.place))


def parse_builder(text: str) -> Builder:
    """The parts of a builder. Raises InputError if it has none of the forms."""
    kind, _, rest = text.partition(":")
    if text == TORCHSCRIPT:
        return Builder(TORCHSCRIPT, "")
    if kind in ("torchvision", "timm") and rest:
        return Builder(kind, rest)
    if kind == "hub":
        place, _, entry = rest.rpartition(":")
        if not (place and entry.isidentifier()):
            raise InputError(f"'{text}' is not of the form hub:<owner/repo[:ref] or folder>:<entry>")
        builder = Builder(kind, entry, expanded(place))
        if builder.is_folder and not (Path(builder.place) / "hubconf.py").is_file():
            raise InputError(f"'{text}': {builder.place} is neither owner/repo nor a folder with a hubconf.py")
        return builder
    split_reference(text)
    return Builder("object", text)


def code_of(builder: str) -> tuple[str, ...]:
    """The user's own code behind a builder, as `code_digest` takes it: nothing for a library's model."""
    parts = parse_builder(builder)
    if parts.kind == "object":
        return (builder,)
    return (f"{parts.place}/hubconf.py:{parts.name}",) if parts.is_folder else ()


def published_name(weights: str) -> str:
    """NAME of `published:NAME`; empty where the library is to choose."""
    return weights.partition(":")[2]
