"""What the artifacts of a run say of what made them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dfnas.dataset.format import opened
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import load_archive, read_json

KINDS = {"synthesis": "shard", "labels": "labels", "dataset": "dataset"}
"""Of the HDF5 files, by the folder of the results that they lie in."""


def provenance_of(path: Path, folder: str) -> dict[str, Any]:
    """What `Job.provenance` wrote into an artifact; nothing for an architecture that was written by hand.

    Args:
        folder: of the results, in which the artifact lies: `teacher`, `search` and so on.

    Raises:
        InputError: the file is absent, damaged, or not an artifact of ours.
    """
    if folder in KINDS:
        with opened(path, KINDS[folder]) as (_, attributes):
            found = attributes.get("provenance", {})
    elif path.suffix == ".json":
        found = read_json(path).get("provenance", {})
    else:
        archive = load_archive(path)
        found = archive.get("provenance") if isinstance(archive, Mapping) else None
    if not isinstance(found, Mapping) or (found and "stage" not in found):
        raise InputError(f"{path} does not say what made it; delete it to rebuild it")
    return json.loads(json.dumps(found))  # tuples as lists, whatever the format
