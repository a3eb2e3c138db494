"""One complete run of the workflow, shared by all tests that look at results."""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest
from running import Finished, command, copy_sources, snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory, request) -> Iterator[Finished]:
    """The reduced configuration, run from nothing to the end on two cores.

    If a test wants to compare, a second run on one core starts now, beside the tests that only plan.
    """
    folder = tmp_path_factory.mktemp("finished")
    run = Finished(copy_sources(folder / "source"), folder / "run")
    done = snakemake(run.directory, "--cores", "2", source=run.source)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    if not any("number_of_cores" in item.name for item in request.session.items):
        yield run
        return
    run = replace(run, directory_again=folder / "again")
    with open(folder / "again.log", "w") as log:
        call = command(run.directory_again, "--cores", "1", source=run.source)
        run = replace(run, again=subprocess.Popen(**call, stdout=log, stderr=log, start_new_session=True))
    yield run
    if run.again.poll() is None:  # its test did not come to wait for it
        os.killpg(run.again.pid, signal.SIGKILL)
        run.again.wait()
