"""One complete run of the workflow, shared by all tests that look at results."""

import pytest
from running import Finished, copy_sources, snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Finished:
    """The reduced configuration, run from nothing to the end on two cores."""
    folder = tmp_path_factory.mktemp("finished")
    run = Finished(copy_sources(folder / "source"), folder / "run")
    done = snakemake(run.directory, "--cores", "2", source=run.source)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return run
