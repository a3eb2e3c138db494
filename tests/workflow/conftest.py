"""One complete run of the workflow, shared by all tests that look at results."""

from pathlib import Path

import pytest
from running import Finished, copy_sources, snakemake


@pytest.fixture(scope="session")
def finished(once) -> Finished:
    """The reduced configuration, run from nothing to the end on two cores."""

    def make(folder: Path) -> None:
        done = snakemake(folder / "run", "--cores", "2", source=copy_sources(folder / "source"))
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]

    folder = once("finished", make)
    return Finished(folder / "source", folder / "run")
