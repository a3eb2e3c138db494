"""Write where every artifact came from, as the artifacts say it themselves: settings, arguments, code, versions,
device, and the digests of their inputs, which are compared with the files that are there now."""

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from dfnas.artifacts.formats import provenance_of
from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import digest, write_bytes
from dfnas.runtime.packages import versions
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.tables.provenance import Artifact, page

STAGE = Stage("provenance", __doc__, None)
OPTIONS = {
    "archives": "teachers and trained networks",
    "shards": "images, HDF5",
    "labels": "labels, HDF5",
    "datasets": "data sets, HDF5",
    "documents": "architectures and latency tables, JSON",
}
for option, what in OPTIONS.items():
    STAGE.argument(f"--{option}", type=Path, nargs="*", default=[], metavar="FILE", help=what)
STAGE.output("--out", required=True, help="the page, HTML")

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


def provenance(job: Job[None]) -> None:
    artifacts = list(_artifacts(job))
    if not artifacts:
        raise InputError("there is nothing to tell the provenance of; give some artifacts")
    # What an artifact was made from without being one itself: the user's checkpoint.
    own = {artifact.path for artifact in artifacts}
    inputs = {path for artifact in artifacts for path in artifact.provenance.inputs} - own
    others = {name: digest(path) if (path := job.folder.path(name)).is_file() else None for name in sorted(inputs)}
    write_bytes(
        job.options.out, page(artifacts, others, {"Python": platform.python_version(), **versions(PACKAGES)}).encode()
    )


def _artifacts(job: Job[None]) -> Iterator[Artifact]:
    """Every artifact with what it says of itself; an architecture that was written by hand says nothing."""
    for path in (path for option in OPTIONS for path in vars(job.options)[option]):
        said = provenance_of(path)
        if said is None:
            raise InputError(f"{path} does not say where it came from; {rebuild(path)}")
        yield Artifact(job.folder.name(path), job.digests[path], said)


if __name__ == "__main__":
    sys.exit(STAGE.main(provenance))
