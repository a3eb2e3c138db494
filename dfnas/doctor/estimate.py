"""What a plan takes: seconds, memory and storage of each rule's jobs, and the time of all on this machine."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dfnas.doctor.findings import Finding, warning
from dfnas.doctor.machine import Machine
from dfnas.doctor.originals import DataSize
from dfnas.doctor.schedule import Capacity, Course, schedule
from dfnas.doctor.trial import JobCost
from dfnas.doctor.trials import Tried, key_of
from dfnas.doctor.workflow import PlannedJob
from dfnas.settings.config import Config
from dfnas.settings.sources import ORIGINAL

SMALL_BYTES = 30_000
"""Of a job's log, benchmark and small files."""
PICTURE_BYTES = 200_000
NETWORK_SHARE, CHECKPOINT_SHARE = 0.5, 1.25
"""Of the bytes of a work's state: the network, beside which the state has its momentum; and a checkpoint, with the one
before while the next is written."""


@dataclass(frozen=True)
class Row:
    """What the jobs of a rule take."""

    rule: str
    jobs: int
    seconds: float | None
    """Of a job, on average; None where it could not be tried."""
    bytes: float
    """Of all that they leave."""
    memory_mb: int | None
    """Of a job, as far as it was tried."""


@dataclass(frozen=True)
class Estimate:
    """What a plan takes, by rule and in all."""

    rows: tuple[Row, ...]
    capacity: Capacity
    course: Course | None
    """None where some long rule could not be tried."""
    load: float = 0.0
    """Cores that other programs asked for in the last minute."""

    @property
    def crowding(self) -> float:
        """How many times as long it takes beside the programs that run now, if they go on and the system shares its
        cores evenly; 1 where there is room for all."""
        return crowding(self.course, self.capacity.cores, self.load) if self.course and not self.capacity.gpus else 1.0

    @property
    def core_hours(self) -> float | None:
        """Of all jobs."""
        seconds = [row.jobs * row.seconds for row in self.rows if row.seconds is not None]
        return sum(seconds) / 3600 if len(seconds) == len(self.rows) else None

    @property
    def bytes(self) -> float:
        """Of everything that is left, and of what interrupted jobs may need."""
        return sum(row.bytes for row in self.rows)

    def plain(self) -> dict[str, Any]:
        course = asdict(self.course) if self.course else None
        rows = [asdict(row) for row in self.rows]
        capacity = asdict(self.capacity)
        crowd = {"load": self.load, "crowding": self.crowding}
        return {"rows": rows, "capacity": capacity, "course": course, "bytes": self.bytes, **crowd}


def estimate(
    jobs: Sequence[PlannedJob],
    tried: Sequence[Tried],
    sizes: Mapping[str, DataSize],
    config: Config,
    machine: Machine,
    gpus: int,
) -> Estimate:
    """Puts what was tried together with the plan.

    Args:
        gpus: that jobs share; 0 where the device is the CPU.
    """
    costs = {(one.rule, cost.key): cost for one in tried for cost in one.costs}
    times = job_seconds(jobs, tried, config, gpus, {})
    rows = []
    for rule in dict.fromkeys(job.rule for job in jobs):
        own = [time for job, time in zip(jobs, times, strict=True) if job.rule == rule]
        known = [time for time in own if time is not None]
        mean = statistics.fmean(known) if len(known) == len(own) else None
        left = sum(_bytes(job, costs, sizes, config) for job in jobs if job.rule == rule)
        memory = next((one.memory_mb for one in tried if one.rule == rule and not one.error), None)
        rows.append(Row(rule, len(own), mean, left, memory))
    capacity = Capacity(machine.whole_cores, machine.memory_mb, gpus)
    known = [time for time in times if time is not None]
    course = schedule(jobs, known, capacity) if len(known) == len(times) > 0 else None
    return Estimate(tuple(rows), capacity, course, machine.load)


def crowding(course: Course, cores: float, load: float) -> float:
    """See `Estimate.crowding`; of a plan on so many cores, of which other programs ask for `load`."""
    return max(1.0, (min(course.beside, cores) + load) / cores) if course.beside else 1.0


def job_seconds(
    jobs: Sequence[PlannedJob], tried: Sequence[Tried], config: Config, gpus: int, growth: Mapping[str, float]
) -> list[float | None]:
    """What each job of a plan takes; None where its rule could not be tried, or nothing was.

    Args:
        gpus: that jobs share; 0 where the device is the CPU.
        growth: how many times as much work the jobs of a rule have as those that were tried.
    """
    costs = {(one.rule, cost.key): cost for one in tried for cost in one.costs}
    failed = {one.rule for one in tried if one.error}
    start = statistics.median([one.started_s for one in tried if not one.error] or [0.0])

    def seconds_of(job: PlannedJob) -> float | None:
        cost, times = costs.get((job.rule, key_of(job, config))), growth.get(job.rule, 1.0)
        if cost is None:
            return None if job.rule in failed else start * config.rules[job.rule].starts
        steps = cost.seconds / (config.processes_of(job.rule) if gpus else 1) + cost.undivided
        if not steps:  # a stage without steps: all but its start grows
            return start + times * max(0.0, cost.setup_s - start)
        return cost.setup_s + times * steps

    return [seconds_of(job) if tried else None for job in jobs]


def judge_times(found: Estimate, config: Config) -> list[Finding]:
    """Rules whose jobs would take longer than what they reserve."""
    findings = []
    for row in found.rows:
        minutes = config.resources_of(row.rule)["runtime"]
        if row.seconds is not None and row.seconds > 60 * minutes:
            story = (
                f"a job takes about {duration(row.seconds)} here, and resources reserve {minutes} minutes: a cluster "
                f"would end it; raise resources.{row.rule}.runtime"
            )
            findings.append(warning(row.rule, story))
    return findings


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86_400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:,.1f} days"


def _bytes(
    job: PlannedJob, costs: Mapping[tuple[str, str], JobCost], sizes: Mapping[str, DataSize], config: Config
) -> float:
    """Of what a job leaves, and of its checkpoints. Without a trial, what the configuration alone says."""
    if job.rule == "invert_teacher":
        source = job.wildcards["source"]
        said = config.synthetic_data()[source].synthesis
        return SMALL_BYTES + sizes[source].bytes / (said.generations * said.shards)
    if job.rule in ("shard_original", "shard_dataset"):
        size = sizes[ORIGINAL if job.rule == "shard_original" else job.wildcards["source"]]
        labels = size.images * (4 * size.classes + 13)
        return SMALL_BYTES + labels + (size.bytes if job.rule == "shard_original" else 0)
    if job.rule == "calibrate_labels":
        source = job.wildcards["source"]
        return SMALL_BYTES + config.synthetic_data()[source].synthesis.images * 4 * sizes[source].classes
    if job.rule == "export":
        states = [cost.bytes for (rule, key), cost in costs.items() if rule == "retrain" and _of(job, key)]
        return SMALL_BYTES + 3 * NETWORK_SHARE * max(states, default=0) + PICTURE_BYTES
    if (cost := costs.get((job.rule, key_of(job, config)))) is not None and cost.bytes:
        return SMALL_BYTES + cost.bytes * (NETWORK_SHARE + CHECKPOINT_SHARE)
    return SMALL_BYTES + (PICTURE_BYTES if any(path.endswith(".png") for path in job.outputs) else 0)


def _of(job: PlannedJob, key: str) -> bool:
    return key.partition("/")[0] == job.wildcards.get("algorithm")
