"""Write where every artifact came from, as the artifacts say it themselves: settings, arguments, code, versions,
device, and the digests of their inputs, which are compared with the files that are there now."""

import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import digest, write_bytes
from dfnas.runtime.packages import versions
from dfnas.stages.artifact_provenance import provenance_of
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.tables.provenance import Artifact, page

STAGE = Stage("provenance", __doc__, None)
for option, what in {
    "archives": "teachers and trained networks",
    "shards": "images, HDF5",
    "labels": "labels, HDF5",
    "datasets": "data sets, HDF5",
    "documents": "architectures and latency tables, JSON",
}.items():
    STAGE.argument(f"--{option}", type=Path, nargs="*", default=[], metavar="FILE", help=what)
STAGE.output("--out", required=True, help="the page, HTML")

KINDS = {"archives": None, "shards": "shard", "labels": "labels", "datasets": "dataset", "documents": None}
"""Of the files that an option names, see `provenance_of`."""
PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "h5py",
    "scikit-learn",
    "timm",
    "onnx",
    "onnxruntime",
    "snakemake",
)
KEYS = ("stage", "dfnas", "torch", "code", "device", "arguments", "settings", "inputs")


def provenance(job: Job[None]) -> None:
    folder = job.folder
    artifacts = [Artifact(folder.name(path), job.digests[path], _checked(path, said)) for path, said in _read(job)]
    if not artifacts:
        raise InputError("there is nothing to tell the provenance of; give some artifacts")
    # What an artifact was made from without being one itself: the user's checkpoint.
    own = {artifact.path for artifact in artifacts}
    inputs = {path for artifact in artifacts for path in artifact.provenance["inputs"]} - own
    others = {name: digest(path) if (path := folder.path(name)).is_file() else None for name in sorted(inputs)}
    write_bytes(
        job.options.out, page(artifacts, others, {"Python": platform.python_version(), **versions(PACKAGES)}).encode()
    )


def _read(job: Job[None]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every artifact with what it says of itself."""
    for option, kind in KINDS.items():
        for path in vars(job.options)[option]:
            yield path, provenance_of(path, kind)


def _checked(path: Path, said: dict[str, Any]) -> dict[str, Any]:
    if not set(KEYS) <= set(said):
        raise InputError(f"{path} does not say where it came from; {rebuild(path)}")
    return said


if __name__ == "__main__":
    sys.exit(STAGE.main(provenance))
