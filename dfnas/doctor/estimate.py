"""What a plan takes: seconds, memory and storage of each rule's jobs, and the time of all on this machine."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dfnas.doctor.calibration import TRIED_BY, Tried, key_of
from dfnas.doctor.findings import Finding, warning
from dfnas.doctor.machine import Machine
from dfnas.doctor.originals import DataSize
from dfnas.doctor.schedule import Capacity, Course, schedule
from dfnas.doctor.workflow import PlannedJob
from dfnas.settings.config import Config
from dfnas.settings.sources import ORIGINAL

STARTS = {
    "check_spaces": 1.8,
    "search_random": 2.0,
    "shard_original": 1.6,
    "evaluate": 2.0,
    "export": 4.0,
    "model_card": 1.6,
    "import_teacher": 1.6,
    "import_network": 1.6,
    "measure_options": 8.0,
    "draw_search": 2.0,
    "draw_training": 1.6,
    "draw_images": 1.6,
    "draw_labels": 1.6,
    "draw_comparison": 1.6,
    "assess_images": 1.6,
    "compare_data": 1.4,
}
"""What short jobs take, and long ones beside the work that was tried, in starts of an interpreter that loads torch:
these are measured here, and the multiples were on 2 cores of an AMD EPYC. Rules without an entry take ONE_START."""
ONE_START = 1.1
SMALL_BYTES = 30_000
"""Of a job's log, benchmark and small files."""
PICTURE_BYTES = 200_000
CHECKPOINT_SHARE = 2.5
"""Of a network's bytes: its state with momentum, and the one before while the next is written."""


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

    @property
    def core_hours(self) -> float | None:
        """Of all jobs."""
        if any(row.seconds is None for row in self.rows):
            return None
        return sum(row.jobs * row.seconds for row in self.rows) / 3600

    @property
    def bytes(self) -> float:
        """Of everything that is left, and of what interrupted jobs may need."""
        return sum(row.bytes for row in self.rows)

    def plain(self) -> dict[str, Any]:
        course = asdict(self.course) if self.course else None
        rows = [asdict(row) for row in self.rows]
        return {"rows": rows, "capacity": asdict(self.capacity), "course": course, "bytes": self.bytes}


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
    costs = {(cost["rule"], cost["key"]): cost for one in tried for cost in one.costs}
    setups = {one.trial: one.setup_s for one in tried if not one.error}
    memory = {one.trial: one.memory_mb for one in tried if not one.error}
    start = statistics.median([one.started_s for one in tried if not one.error] or [0.0])

    def seconds_of(job: PlannedJob) -> float | None:
        trial = TRIED_BY.get(job.rule, job.rule)
        known = next((one for one in tried if one.trial == trial), None)
        if known is not None and known.error:
            return None
        cost = costs.get((job.rule, key_of(job)))
        starts = start * STARTS.get(job.rule, ONE_START)
        if cost is None:
            return starts + _extra(job, jobs, costs, sizes, config)
        shared = config.processes_of(job.rule) if gpus else 1
        return (setups[trial] if job.rule in setups else starts) + cost["seconds"] / shared + cost["undivided"]

    times = [seconds_of(job) if tried else None for job in jobs]
    rows = []
    for rule in dict.fromkeys(job.rule for job in jobs):
        own = [time for job, time in zip(jobs, times, strict=True) if job.rule == rule]
        mean = None if None in own else statistics.fmean(own)
        left = sum(_bytes(job, costs, sizes, config) for job in jobs if job.rule == rule)
        rows.append(Row(rule, len(own), mean, left, memory.get(rule)))
    capacity = Capacity(machine.whole_cores, machine.memory_mb, gpus)
    course = schedule(jobs, times, capacity) if times and None not in times else None
    return Estimate(tuple(rows), capacity, course)


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


def _extra(
    job: PlannedJob,
    jobs: Sequence[PlannedJob],
    costs: Mapping[tuple[str, str], Mapping[str, Any]],
    sizes: Mapping[str, DataSize],
    config: Config,
) -> float:
    """Seconds of what is neither tried nor a start."""
    if job.rule == "measure_latency":
        settings, looks = config.measure_latency, costs.get(("evaluate", "teacher"))
        size = sizes[ORIGINAL]
        an_image = looks["seconds"] / max(1, size.test + size.validation) if looks else 0.0
        passes = settings.repeats * (1 + len(job.inputs))
        return sum(min(settings.seconds, passes * count * an_image) for count in settings.batch_sizes)
    return 0.0


def _bytes(
    job: PlannedJob,
    costs: Mapping[tuple[str, str], Mapping[str, Any]],
    sizes: Mapping[str, DataSize],
    config: Config,
) -> float:
    """Of what a job leaves. Without a trial, what the configuration alone says."""
    cost = costs.get((job.rule, key_of(job)))
    if cost is not None:
        checkpoint = CHECKPOINT_SHARE if job.rule.startswith("search_") or job.rule == "retrain" else 0.0
        return SMALL_BYTES + cost["bytes"] * (1 + checkpoint)
    if job.rule == "invert_teacher":
        source = job.wildcards["source"]
        said = config.synthetic_data()[source].synthesis
        return SMALL_BYTES + sizes[source].bytes / (said.generations * said.shards)
    if job.rule in ("shard_original", "shard_dataset"):
        size = sizes[ORIGINAL if job.rule == "shard_original" else job.wildcards["source"]]
        labels = size.images * (4 * size.classes + 13)
        return SMALL_BYTES + labels + (size.bytes if job.rule == "shard_original" else 0)
    if job.rule == "export":
        models = [cost["bytes"] for (rule, key), cost in costs.items() if rule == "retrain" and _of(job, key)]
        return SMALL_BYTES + 3 * max(models, default=0) + PICTURE_BYTES
    return SMALL_BYTES + (PICTURE_BYTES if any(path.endswith(".png") for path in job.outputs) else 0)


def _of(job: PlannedJob, key: str) -> bool:
    return key.partition("/")[0] == job.wildcards.get("algorithm")
