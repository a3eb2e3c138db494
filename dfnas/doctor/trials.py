"""Trials of all long rules of a plan, as many at a time as the run will have jobs at a time.

Cores that share caches and memory are slower together than each alone; a plan timed on an idle machine would promise
too much.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from typing import Any

from dfnas.doctor.findings import Finding, failure, ok, warning
from dfnas.doctor.machine import Machine
from dfnas.doctor.originals import DataSize
from dfnas.doctor.trial import JobCost
from dfnas.doctor.words import words_of
from dfnas.doctor.workflow import PlannedJob, checkout
from dfnas.runtime.cache import VARIABLE as CACHE
from dfnas.runtime.paths import expanded
from dfnas.settings.config import Config

PATIENCE_S = 600
"""For the trials of one rule."""
OF_RUN = ("algorithm", "search_data", "retrain_data", "seed")
"""What the wildcard `run` is made of."""


@dataclass(frozen=True)
class Tried:
    """What the trials of a rule found, or why they found nothing."""

    rule: str
    costs: tuple[JobCost, ...] = ()
    started_s: float = 0.0
    """Until an interpreter runs with everything loaded."""
    memory_mb: int = 0
    error: str = ""
    killed: bool = False


def key_of(job: PlannedJob, config: Config) -> str:
    """What tells the cost of a job from that of others of its rule."""
    trial, said = config.rules[job.rule].trial, dict(job.wildcards)
    if "run" in said:
        said |= dict(zip(OF_RUN, said["run"].split("/"), strict=False))
    return "/".join(said.get(name, "") for name in trial.differs_by) if trial else ""


def orders(jobs: Sequence[PlannedJob], config: Config) -> dict[str, dict[str, PlannedJob]]:
    """The jobs of a plan that are to be tried, one for each key of a rule, searches and supernets first: they take
    long."""
    wanted: dict[str, dict[str, PlannedJob]] = {}
    rules = config.rules
    for job in sorted(jobs, key=lambda job: not (rules[job.rule].is_search or rules[job.rule].is_supernet)):
        if rules[job.rule].trial is not None and not config.only_reads(job.rule):
            wanted.setdefault(job.rule, {}).setdefault(key_of(job, config), job)
    return wanted


def try_jobs(
    config: Config,
    jobs: Sequence[PlannedJob],
    sizes: Mapping[str, DataSize],
    machine: Machine,
    tell: Callable[[str], None],
) -> list[Tried]:
    """Runs the trials that a plan asks for.

    Args:
        tell: is given a line before the first trial and one after those of each rule: they take minutes.
    """
    wanted = orders(jobs, config)
    threads = max((config.resources_of(rule)["threads"] for rule in wanted), default=1)
    with ThreadPoolExecutor(1 if machine.uses_gpu(config.device) else max(1, machine.whole_cores // threads)) as pool:
        waiting = {pool.submit(_tried, order_for(rule, wanted[rule], config, sizes)): rule for rule in wanted}
        if waiting:
            tell(f"timing a few steps of {len(waiting)} stages: {', '.join(wanted)}")
        for number, one in enumerate(as_completed(waiting), 1):
            tell(f"  {waiting[one]} {'failed' if one.result().error else 'timed'}, {number} of {len(waiting)}")
        return [one.result() for one in waiting]


def order_for(
    rule: str, jobs: Mapping[str, PlannedJob], config: Config, sizes: Mapping[str, DataSize]
) -> dict[str, Any]:
    """What the worker is told of a rule's jobs, by their keys."""
    record = config.rules[rule]
    assert record.trial is not None, f"{rule} is not tried"
    return {
        "rule": rule,
        "jobs": [{"key": key, "words": words_of(job.command), "inputs": job.inputs} for key, job in jobs.items()],
        "a_few_of": record.trial.a_few_of,
        "starts": record.starts,
        "results": expanded(config.results_dir, "results_dir").rstrip("/"),
        "config": config.plain(),
        "sizes": {name: asdict(size) for name, size in sizes.items()},
        "threads": config.resources_of(rule)["threads"],
    }


def _tried(order: dict[str, Any]) -> Tried:
    rule, order = order["rule"], order | {"begun": time.time()}
    environment = {name: value for name, value in os.environ.items() if name != CACHE}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(checkout()), environment.get("PYTHONPATH")]))
    environment["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # compilers whose time is known when they end
    line = [sys.executable, "-m", "dfnas.doctor.worker"]
    try:
        done = subprocess.run(
            line, input=json.dumps(order), capture_output=True, text=True, env=environment, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        return Tried(rule, error=f"no trial ended within {PATIENCE_S} s")
    if done.returncode < 0:
        return Tried(rule, error=f"killed by signal {-done.returncode}", killed=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        story = lines[-1].removeprefix(f"{rule}: error: ") if lines else f"ended with status {done.returncode}"
        return Tried(rule, error=story)
    said = json.loads(done.stdout)
    return Tried(rule, tuple(JobCost(**cost) for cost in said["costs"]), said["started_s"], said["memory_mb"])


def judge_trials(tried: Sequence[Tried], config: Config, machine: Machine) -> list[Finding]:
    """Whether the stages ran, and whether their memory is there."""
    findings = []
    for one in tried:
        reserved = config.resources_of(one.rule)["mem_mb"]
        if one.killed:
            story = f"{one.error}, as the system does when memory runs out; lower batch_size or take a larger machine"
            findings.append(failure(one.rule, story))
        elif one.error:
            findings.append(failure(one.rule, f"a few steps of it fail: {one.error}"))
        elif one.memory_mb > machine.memory_mb:
            findings.append(failure(one.rule, f"takes {one.memory_mb} MB, and there are {machine.memory_mb}"))
        elif one.memory_mb > reserved:
            story = f"takes {one.memory_mb} MB, and resources reserve {reserved}: raise resources.{one.rule}.mem_mb"
            findings.append(warning(one.rule, f"{story} where a scheduler holds jobs to it"))
    return findings or ([ok("trials", f"a few steps of {', '.join(one.rule for one in tried)}")] if tried else [])
