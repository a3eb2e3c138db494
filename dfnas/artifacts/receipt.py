"""What a job leaves beside its outputs: a receipt that says what was made, of what, and how.

A file cannot hold its own digest, and a table has no place for where it came from. So every job leaves one small JSON
file, `provenance/<name of its first output>.json` in the folder of results, with the SHA-256 and the size of each of
its outputs and with its provenance, see `Job.provenance`. Files are named by their place in that folder, so that a
receipt says the same wherever the folder lies. Nothing is made from receipts: `dfnas verify` reads them.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from dfnas.artifacts.document import Document, Part, Whole
from dfnas.artifacts.provenance import Provenance
from dfnas.runtime.files import digest

FORMAT: Literal[1] = 1
RECEIPTS = "provenance"
"""Their folder, in the folder of results."""


class Folder(NamedTuple):
    """The folder of results that a job works in."""

    results: Path
    """As the workflow names it. Receipts are left there."""
    held: Path
    """Where its files are while the job runs: the same folder, or a local copy of it where results are kept in a remote
    storage."""

    @classmethod
    def of(cls, out: Path, state_dir: Path) -> Self:
        """That of a job's output. Its folder of checkpoints lies in it; without such a folder in sight, it is the one
        that the output lies in."""
        results = state_dir.parent
        if _inside(out, results) is not None:
            return cls(results, results)
        here, wanted = out.parent.parts, results.parts
        for end in range(len(wanted), len(here) + 1):
            if wanted and here[end - len(wanted) : end] == wanted:
                return cls(results, Path(*here[:end]))
        return cls(out.parent, out.parent)

    def name(self, path: Path) -> str:
        """A file by its place in the folder. One that lies elsewhere: by its way from the folder, which begins with
        `../`, or as it is given if that is an absolute path."""
        place = _inside(path, self.held)
        if place is None:
            return str(path) if path.is_absolute() else Path(os.path.relpath(path, self.results)).as_posix()
        return place.as_posix()

    def path(self, name: str) -> Path:
        """The file of that name, where it is now."""
        return (self.results if name.startswith("../") else self.held) / name  # an absolute name stays what it is

    def receipt(self, out: Path) -> Path:
        """The receipt of the job whose first output that is."""
        return self.results / RECEIPTS / f"{self.name(out)}.json"


class Output(Part):
    """A file as its job left it."""

    sha256: str
    bytes: Whole


class Receipt(Document):
    """What a job said that it did."""

    format: Literal[1]
    outputs: dict[str, Output]
    """By name, the first output first."""
    provenance: Provenance


def write_receipt(folder: Folder, out: Path, made: Iterable[Path], provenance: Mapping[str, Any]) -> None:
    """Writes the receipt of a job whose outputs are in place.

    Args:
        out: its first output.
        made: all of them.
    """
    outputs = {folder.name(path): Output(sha256=digest(path), bytes=path.stat().st_size) for path in made}
    said = Provenance.model_validate(provenance)
    Receipt(format=FORMAT, outputs=outputs, provenance=said).write(folder.receipt(out))


def _inside(path: Path, folder: Path) -> Path | None:
    """The place of a file in a folder, if it lies there. Links are not followed: they stand where they stand."""
    place = Path(os.path.relpath(os.path.abspath(path), os.path.abspath(folder)))
    return None if place.parts[:1] == ("..",) else place
