"""What a call leaves of itself beside the results: its configuration, and the packages that it runs with.

Nothing depends on the file, so that it reruns nothing. `dfnas compare` reads it.
"""

import platform
import sys

from dfnas import __version__
from dfnas.artifacts.run_record import RunRecord
from dfnas.runtime.packages import versions
from dfnas.settings.config import Config

NAME = "run.json"
PACKAGES = ("torch", "torchvision", "numpy", "h5py", "scikit-learn", "scipy", "timm", "snakemake")
"""Whose versions may show in results, or say how they were made."""


def write_record(results: str, config: Config) -> None:
    """Writes the record of a call that is about to run jobs."""
    packages = {"dfnas": __version__, "python": platform.python_version(), **versions(PACKAGES)}
    try:
        RunRecord(configuration=config.plain(), packages=packages).write(f"{results}/{NAME}")
    except OSError as error:  # the first job will meet it too, and say more
        print(f"{results}/{NAME} cannot be written: {error.strerror or error}", file=sys.stderr)
