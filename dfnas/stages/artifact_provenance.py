"""What an artifact says of what made it, whatever its format."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dfnas.dataset.format import opened
from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import load_archive, read_json


def provenance_of(path: Path, kind: str | None = None) -> dict[str, Any]:
    """What `Job.provenance` wrote into an artifact; nothing for an architecture that was written by hand.

    Args:
        kind: of an HDF5 file: `shard`, `labels` or `dataset`. Other files are JSON by their name, or archives.

    Raises:
        InputError: the file is absent, damaged, or not an artifact of ours.
    """
    if kind is not None:
        with opened(path, kind) as (_, attributes):
            found = attributes.get("provenance", {})
    elif path.suffix == ".json":
        found = read_json(path, by_hand=True).get("provenance", {})
    else:
        archive = load_archive(path)
        found = archive.get("provenance") if isinstance(archive, Mapping) else None
    if not isinstance(found, Mapping) or (found and not isinstance(found.get("stage"), str)):
        raise InputError(f"{path} does not say where it came from; {rebuild(path)}")
    return json.loads(json.dumps(found))  # tuples as lists, whatever the format
