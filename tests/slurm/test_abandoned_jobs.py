"""Snakemake is killed and started again while its jobs live on."""

import os
import signal
from pathlib import Path

import pytest
from cluster import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

RUN = "random/none/original/seed-0"


def test_jobs_that_outlive_their_snakemake_are_waited_for(anew, cluster, hold, undisturbed, tmp_path):
    """The second job for the same network waits for the first, and finds the work done."""
    model = Path("results", "retrain", RUN, "model.pt")
    run = anew(tmp_path / "run", RUN)
    try:
        first = run.start()
        _, stage = hold(run, "stages.retrain", at_work=True)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        assert run.alone("--unlock").returncode == 0
        second = run.start()
        waits = "retrain: waits for another job that makes"
        until(lambda: waits in run.log("retrain"), "the second job waits", run.story)
        os.kill(stage, signal.SIGCONT)
        until((run.directory / model).exists, "the first job's network", run.story)
        made = os.stat(run.directory / model)
        run.finish(second)
    finally:
        run.clear()
    assert "that job has made it, nothing is left to do" in run.log("retrain")
    assert os.stat(run.directory / model).st_ino == made.st_ino
    assert run.table() == undisturbed.table()
