"""The cluster, and the run on this machine alone that every run on the cluster has to equal."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cluster import PATIENCE_S, Cluster, Job, dies_with_its_parent, missing, until
from running import ROOT, command, copy_sources

OVERLAY = Path("tests", "assets", "cluster.yaml")
TABLE = Path("results", "table1.csv")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a cluster none of these tests can run."""
    reason = missing()
    for item in items:
        if reason and item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """A SLURM that is up; gone when the tests are through, however they went."""
    made = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@dataclass(frozen=True)
class Workflow:
    """Snakemake on the cluster, in a folder of its own.

    Args:
        overlays: configuration files over the cluster tests' own.
    """

    cluster: Cluster
    source: Path
    directory: Path
    overlays: tuple[Path, ...] = ()
    started: list[subprocess.Popen] = field(default_factory=list)

    def start(self, *arguments: str | Path) -> subprocess.Popen:
        """Starts it with the project's profile, to make the table. What it says goes to a file."""
        profile = ("--workflow-profile", self.source / "profiles" / "slurm")
        # Looks for the first time after 2 s rather than 40, and waits for files on this disk for no minute.
        quick = ("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10")
        partitions = ("--slurm-partition-config", self.cluster.partitions)
        call = self._call(*profile, *partitions, *quick, *arguments, "--", TABLE, real=True)
        call["env"] = self.environment()
        with open(self.directory / "snakemake.log", "a") as log:
            call |= {"stdout": log, "stderr": log, "preexec_fn": dies_with_its_parent}
            self.started.append(subprocess.Popen(**call, start_new_session=True))
        return self.started[-1]

    @property
    def patient(self) -> Path:
        """The folder of the profile's commands that wait for the controller."""
        return self.source / "profiles" / "slurm" / "patient"

    def environment(self) -> dict[str, str]:
        """That of a login node, with the profile's commands before SLURM's."""
        known = self._call(real=True)["env"]
        return known | {"PATH": os.pathsep.join(map(str, (self.patient, self.cluster.commands, known["PATH"])))}

    def finish(self, running: subprocess.Popen, seconds: float = 1200.0) -> None:
        """Waits for it to complete."""
        try:
            status = running.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            status = None
        assert status == 0, self.story()

    def clear(self) -> None:
        """Ends what is left of it, for the sake of what comes after a test that has failed."""
        for running in self.started:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()
        for job in self.jobs():
            if job.state in ("PENDING", "RUNNING"):
                self.cluster.ask("scancel", str(job.number))

    def alone(self, *arguments: str | Path) -> subprocess.CompletedProcess:
        """Runs it here, without a cluster."""
        return subprocess.run(**self._call(*arguments, "--", TABLE), capture_output=True, timeout=600)

    def _call(self, *arguments: str | Path, real: bool = False) -> dict:
        overlays = (self.source / OVERLAY, *self.overlays)
        return command(self.directory, *arguments, source=self.source, configuration=overlays, real=real)

    def table(self) -> bytes:
        """What all this is for."""
        return (self.directory / TABLE).read_bytes()

    def log(self, rule: str) -> str:
        """What the stages of a rule have said."""
        place = self.directory / "results" / "logs"
        files = [path for path in place.rglob("*.log") if rule in path.relative_to(place).parts[0]]
        return "\n".join(path.read_text() for path in files)

    def jobs(self) -> list[Job]:
        """What SLURM knows of the jobs that it has submitted, in that order."""
        calls = re.findall(r"SLURM run ID: (\S+)", (self.directory / "snakemake.log").read_text())
        return [job for job in self.cluster.jobs() if job.run in calls]

    def story(self) -> str:
        """What can be said of a run that did not do as it should."""
        said = (self.directory / "snakemake.log").read_text()[-6000:]
        logs = [path.read_text()[-1500:] for path in (self.directory / ".snakemake" / "slurm_logs").rglob("*.log")]
        return "\n".join([said, *logs, self.cluster.log(), *map(str, self.cluster.jobs())])


@pytest.fixture(scope="session")
def undisturbed(cluster, tmp_path_factory) -> Workflow:
    """The run on this machine alone, complete. Not to be changed: copy it."""
    folder = tmp_path_factory.mktemp("alone")
    source = copy_sources(folder / "source")
    shutil.copy2(ROOT / OVERLAY, source / OVERLAY)
    made = Workflow(cluster, source, folder / "run")
    done = made.alone("--cores", "2")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return made


@pytest.fixture(scope="session")
def anew(undisturbed):
    """Makes a copy of that run in which some networks are to be trained again, and what follows made."""

    def copy(to: Path, *runs: str, overlays: tuple[Path, ...] = ()) -> Workflow:
        shutil.copytree(undisturbed.directory, to)
        results = to / "results"
        for run in runs:
            (results / "retrain" / run / "model.pt").unlink()
            (results / "evaluate" / run / "metrics.json").unlink()
        (results / "latency.csv").unlink()
        (to / TABLE).unlink()
        return Workflow(undisturbed.cluster, undisturbed.source, to, overlays)

    return copy


@pytest.fixture(scope="session")
def hold(cluster):
    """Stops a stage of a job, as if it hung, and says which job and process it is.

    Args:
        run: whose job.
        words: that its command line has.
        at_work: not before it has the lock on its output.
    """

    def stop(run: Workflow, *words: str, at_work: bool = False, seconds: float = PATIENCE_S) -> tuple[int, int]:
        found: list[tuple[int, int]] = []

        def is_there() -> bool:
            found[:] = cluster.stages(*words)
            if found:
                numbers = [job.number for job in run.jobs()]
                found[:] = [each for each in found if each[0] in numbers]
            return bool(found) and (not at_work or has_a_lock(found[0][1]))

        until(is_there, f"{' '.join(words)} runs", run.story, seconds)
        os.kill(found[0][1], signal.SIGSTOP)
        assert not at_work or has_a_lock(found[0][1]), "it is through already"
        return found[0]

    return stop


def has_a_lock(pid: int) -> bool:
    """Whether a process holds one (proc(5))."""
    return re.search(rf"FLOCK +ADVISORY +WRITE +{pid} ", Path("/proc/locks").read_text()) is not None
