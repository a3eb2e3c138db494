"""The embedded default, reduced, on a cluster by the project's profile."""

import re

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def run(cluster, undisturbed, tmp_path_factory):
    """The whole run, complete."""
    made = type(undisturbed)(cluster, undisturbed.source, tmp_path_factory.mktemp("table") / "run")
    made.directory.mkdir()
    try:
        made.finish(made.start())
    finally:
        made.clear()
    return made


@pytest.fixture(scope="module")
def jobs(run):
    """Its jobs, as SLURM knows them."""
    return run.jobs()


def test_the_table_is_that_of_one_machine(run, undisturbed):
    assert run.table() == undisturbed.table()


def test_what_needs_a_gpu_is_given_one_and_nothing_else(jobs):
    for job in jobs:
        needs = job.work.startswith(("supernet_spos", "search_spos", "retrain"))
        assert (job.gpus, job.partition) == ((1, "gpu") if needs else (0, "cpu")), job
    assert sum(job.gpus for job in jobs) == 7


def test_small_jobs_go_together(run, jobs):
    """2 jobs check spaces, 4 evaluate."""
    said = (run.directory / "snakemake.log").read_text()
    assert re.search(r"^total +21$", said, re.MULTILINE)
    assert len(jobs) == 17


def test_a_machine_alone_sees_nothing_to_do_again(run):
    done = run.alone("--dry-run")
    assert "Nothing to be done" in done.stdout + done.stderr, done.stdout
