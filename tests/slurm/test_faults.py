"""What befalls jobs on a cluster. Whatever it is, the run completes, and its table is that of an undisturbed run.

All befalls one run, in which three trainings and what follows from them are to be made again. A job is stopped before
it is hit, so that the fault meets it in the midst of its work.
"""

import os
import re
import signal
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from cluster import Job, until
from running import overlay

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

RUNS = ("spos/original/original/seed-0", "spos/synthetic/original/seed-0", "random/none/original/seed-0")
MODELS = tuple(Path("results", "retrain", run, "model.pt") for run in RUNS)
# For a first attempt both are too little. (SLURM counts the memory of the Snakemakes in a job as well.)
SCARCE = {"evaluate": {"mem_mb": 500}, "measure_latency": {"runtime": 1}}

AWAY_S = 45.0
"""How long the controller is away after Snakemake has turned to sacct, which alone fails 400 times in 40 s."""


class Outage(NamedTuple):
    """What was to be seen while the controller was away."""

    job: int
    """That ended meanwhile."""
    turns: int
    """How often Snakemake turned from squeue to sacct."""
    refusal: str
    """What SLURM's own sbatch said."""
    waited: float
    """Seconds that the profile's sbatch took."""
    submitted: int
    """The job that it submitted."""


@pytest.fixture(scope="module")
def storm(cluster, anew, hold, tmp_path_factory):
    """A run that is over, and the numbers of the jobs by what was done to them, the jobs, and the outage."""
    folder = tmp_path_factory.mktemp("storm")
    scarce = overlay(folder / "scarce.yaml", {"resources": SCARCE})
    run = anew(folder / "run", *RUNS, overlays=(scarce,))
    running = run.start()
    hit: dict[str, int] = {}
    try:
        with ThreadPoolExecutor() as beside:  # they train at the same time
            train = [("stages.retrain", str(model)) for model in MODELS]
            held = list(beside.map(lambda words: hold(run, *words, at_work=True), train))
        trained = [number for number, _ in held]
        nodes = {job.number: job.node for job in run.jobs() if job.number in trained}
        # Two of them fill the GPUs of a node, and the third is on the other.
        full, cut = (node for node, _ in Counter(nodes.values()).most_common())
        hit["requeued"], hit["preempted"], hit["power cut"] = sorted(nodes, key=lambda number: nodes[number] == cut)
        cluster.ask("scontrol", "requeue", str(hit["requeued"]))
        urgent = ("-p", "urgent", "-w", full, "--gpus=2", "-n1", "--mem=100", "-t", "1", "-o", folder / "urgent.log")
        cluster.ask("sbatch", *map(str, urgent), "--wrap", "sleep 1")
        for fault in ("requeued", "preempted"):
            until(lambda fault=fault: runs_again(cluster, hit[fault]), f"the {fault} job runs again", run.story)
        cluster.cut_power(cut)
        until(lambda: runs_again(cluster, hit["power cut"]), "the job of the dead node runs again", run.story)
        cluster.start_node(cut)
        outage = send_away(cluster, run, *hold(run, *train[trained.index(hit["power cut"])], at_work=True))
        hit["over time"], _ = hold(run, "stages.measure_latency", seconds=180)
        hit["cancelled"], _ = hold(run, "stages.table1", seconds=400)
        cluster.ask("scancel", str(hit["cancelled"]))
        run.finish(running)
    finally:
        run.clear()
    return run, hit, {job.number: job for job in run.jobs()}, outage


def runs_again(cluster, number: int) -> bool:
    """Whether SLURM has put a job back into the queue and started it anew."""
    job = next(job for job in cluster.jobs() if job.number == number)
    return job.restarts > 0 and job.state in ("RUNNING", "COMPLETED")


def send_away(cluster, run, number: int, stage: int) -> Outage:
    """Stops the controller, lets a held job end, and starts the controller when Snakemake has asked for long enough."""

    def turns() -> int:
        return (run.directory / "snakemake.log").read_text().count("Falling back to 'sacct'")

    before = turns()
    cluster.stop_controller()
    os.kill(stage, signal.SIGCONT)
    job = ("--parsable", "-n1", "--mem=100", "-t1", "-o", str(run.directory / "true.log"), "--wrap", "true")
    begun = time.monotonic()
    patient = subprocess.Popen([run.patient / "sbatch", *job], env=run.environment(), stdout=subprocess.PIPE, text=True)
    plain = subprocess.run([cluster.commands / "sbatch", *job], capture_output=True, text=True, timeout=60)
    until(lambda: not Path(f"/proc/{stage}").exists(), "the job ends", run.story)
    until(lambda: turns() > before, "Snakemake asks sacct", run.story, seconds=240)
    time.sleep(AWAY_S)
    seen = turns() - before
    assert patient.poll() is None
    cluster.start_controller()
    submitted = int(patient.communicate(timeout=60)[0])
    waited = time.monotonic() - begun
    until(lambda: state(cluster, number) == "COMPLETED", "the job that ended meanwhile is known to", run.story)
    return Outage(number, seen, plain.stderr, waited, submitted)


def state(cluster, number: int) -> str:
    """What SLURM says of a job."""
    return next(job.state for job in cluster.jobs() if job.number == number)


def test_the_table_is_that_of_an_undisturbed_run(storm, undisturbed):
    run, *_ = storm
    assert run.table() == undisturbed.table()
    for model in MODELS:
        assert (run.directory / model).read_bytes() == (undisturbed.directory / model).read_bytes()


@pytest.mark.parametrize("fault", ["requeued", "preempted", "power cut"])
def test_slurm_itself_takes_a_job_back_and_runs_it_again(storm, fault):
    _, hit, jobs, _ = storm
    job = jobs[hit[fault]]
    assert job.state == "COMPLETED"
    assert job.restarts >= 1


def test_preemption_and_the_power_cut_were_such(storm, cluster):
    _, hit, jobs, _ = storm
    log = (cluster.folder / "slurmctld.log").read_text()
    assert re.search(rf"preempted JobId={hit['preempted']} has been requeued", log)
    assert re.search(rf"requeue job JobId={hit['power cut']} due to failure of node n[12]", log)
    assert jobs[hit["power cut"]].work.startswith("retrain")


def attempts(jobs: dict[int, Job], work: str) -> list[Job]:
    """All jobs that were submitted for a work, in order."""
    return [job for job in jobs.values() if job.work.startswith(work)]


def test_a_cancelled_job_is_submitted_again(storm):
    _, hit, jobs, _ = storm
    first, second = attempts(jobs, "tables")
    assert (first.number, first.state, second.state) == (hit["cancelled"], "CANCELLED", "COMPLETED")


def test_a_job_over_its_time_limit_gets_more_time(storm):
    _, hit, jobs, _ = storm
    first, second = attempts(jobs, "measure_latency")
    assert (first.number, first.state, first.time) == (hit["over time"], "TIMEOUT", "00:01:00")
    assert (second.state, second.time) == ("COMPLETED", "00:02:00")


def test_a_job_over_its_memory_gets_more_memory(storm):
    _, _, jobs, _ = storm
    *killed, last = attempts(jobs, "evaluations")
    assert killed
    assert {job.state for job in killed} <= {"OUT_OF_MEMORY", "FAILED", "CANCELLED"}
    assert last.state == "COMPLETED"
    assert int(last.memory.removesuffix("M")) == 500 * (1 + len(killed))


def test_the_controller_was_away_and_a_job_that_ended_meanwhile_is_not_made_again(storm):
    _, hit, jobs, outage = storm
    assert "Unable to contact slurm controller" in outage.refusal
    assert outage.turns == 1, "asked once, and until there was an answer"
    assert outage.job == hit["power cut"]
    assert (jobs[outage.job].state, jobs[outage.job].restarts) == ("COMPLETED", 1)


def test_a_submission_waits_for_the_controller(storm, cluster):
    *_, outage = storm
    assert outage.waited > AWAY_S
    until(lambda: state(cluster, outage.submitted) == "COMPLETED", "the job that waited", cluster.log)


def test_what_slurm_runs_again_is_not_submitted_again(storm):
    _, _, jobs, _ = storm
    assert len(attempts(jobs, "retrain")) == 3
