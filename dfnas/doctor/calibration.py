"""Trials of all long stages of a plan, as many at a time as the run will have jobs at a time.

Cores that share caches and memory are slower together than each alone; a plan timed on an idle machine would promise
too much.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from dfnas.doctor.findings import Finding, failure, ok, warning
from dfnas.doctor.machine import Machine
from dfnas.doctor.originals import DataSize
from dfnas.doctor.workflow import PlannedJob, checkout
from dfnas.settings.config import Config

KEYS = {
    "pretrain_teacher": (),
    "judge_images": ("source",),
    "invert_teacher": ("source",),
    "calibrate_labels": ("source",),
    "assess_images": ("source",),
    "search_darts": ("search_data",),
    "search_proxyless": ("search_data",),
    "search_spos": ("search_data",),
    "search_random": ("search_data",),
    "search_evolution": ("search_data",),
    "rank_architectures": ("search_data",),
    "retrain": ("algorithm", "retrain_data"),
}
"""The wildcards that the cost of a rule's job depends on."""
TRIED_BY = {
    "calibrate_labels": "invert_teacher",
    "assess_images": "invert_teacher",
    "rank_architectures": "search_spos",
    "evaluate": "retrain",
}
"""Rules whose cost comes out of another rule's trial."""
PATIENCE_S = 300
"""For one trial."""
HEAVIEST = ("search_darts", "retrain", "invert_teacher", "search_spos", "search_proxyless")
"""Trials that are begun first."""


@dataclass(frozen=True)
class Tried:
    """What a trial found, or why it found nothing."""

    trial: str
    costs: tuple[Mapping[str, Any], ...] = ()
    started_s: float = 0.0
    """Until an interpreter runs with everything loaded."""
    setup_s: float = 0.0
    """Until the first step."""
    memory_mb: int = 0
    gpu_memory_mb: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""
    killed: bool = False


def key_of(job: PlannedJob) -> str:
    """What tells the cost of a job from that of others of its rule."""
    if job.rule == "evaluate":
        run = job.wildcards.get("run", "teacher")
        parts = run.split("/")
        return f"{parts[0]}/{parts[2]}" if len(parts) > 2 else "teacher"
    return "/".join(job.wildcards.get(name, "") for name in KEYS.get(job.rule, ()))


def orders(jobs: Sequence[PlannedJob], config: Config) -> dict[str, list[str]]:
    """The trials that a plan asks for, each with the keys of the jobs that it is about."""
    wanted: dict[str, dict[str, None]] = {}
    for job in jobs:
        trial = TRIED_BY.get(job.rule, job.rule)
        if trial not in KEYS or (trial == "search_random" and config.search_random.draws == 1):
            continue
        if job.rule == "assess_images" and trial not in wanted:
            wanted.setdefault(trial, {})
        key = key_of(job)
        if not (trial == "retrain" and key == "teacher"):
            wanted.setdefault(trial, {})[key] = None
    ranked = sorted(wanted, key=lambda name: HEAVIEST.index(name) if name in HEAVIEST else len(HEAVIEST))
    return {name: list(wanted[name]) for name in ranked}


def calibrate(
    config: Config, jobs: Sequence[PlannedJob], sizes: Mapping[str, DataSize], machine: Machine
) -> list[Tried]:
    """Runs the trials that a plan asks for."""
    wanted = orders(jobs, config)
    threads = {trial: config.resources_of(trial)["threads"] for trial in wanted}
    beside = 1 if _on_gpu(config, machine) else max(1, machine.whole_cores // max(threads.values(), default=1))
    with ThreadPoolExecutor(beside) as pool:
        waiting = [pool.submit(_tried, config, trial, keys, sizes, threads[trial]) for trial, keys in wanted.items()]
        return [one.result() for one in waiting]


def _on_gpu(config: Config, machine: Machine) -> bool:
    return bool(machine.gpus) and config.device != "cpu"


def _tried(config: Config, trial: str, keys: list[str], sizes: Mapping[str, DataSize], threads: int) -> Tried:
    order = {
        "trial": trial,
        "keys": keys,
        "config": config.plain(),
        "sizes": {name: asdict(size) for name, size in sizes.items()},
        "device": config.device,
        "threads": threads,
        "begun": time.time(),
    }
    environment = os.environ | {"PYTHONPATH": f"{checkout()}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    line = [sys.executable, "-m", "dfnas.doctor.worker"]
    try:
        done = subprocess.run(
            line, input=json.dumps(order), capture_output=True, text=True, env=environment, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        return Tried(trial, error=f"no step ended within {PATIENCE_S} s")
    if done.returncode < 0:
        return Tried(trial, error=f"killed by signal {-done.returncode}", killed=True)
    try:
        said = json.loads(done.stdout)
    except json.JSONDecodeError:
        lines = done.stderr.strip().splitlines()
        return Tried(trial, error=lines[-1] if lines else f"ended with status {done.returncode}")
    if "error" in said:
        return Tried(trial, error=said["error"])
    return Tried(trial, **{name: tuple(v) if isinstance(v, list) else v for name, v in said.items()})


def judge_trials(tried: Sequence[Tried], config: Config, machine: Machine) -> list[Finding]:
    """Whether the stages ran, and whether their memory is there."""
    findings = []
    for one in tried:
        reserved = config.resources_of(one.trial)["mem_mb"]
        if one.killed:
            story = f"{one.error}, as the system does when memory runs out; lower batch_size or take a larger machine"
            findings.append(failure(one.trial, story))
        elif one.error:
            findings.append(failure(one.trial, f"a few steps of it fail: {one.error}"))
        elif one.memory_mb > machine.memory_mb:
            findings.append(failure(one.trial, f"takes {one.memory_mb} MB, and there are {machine.memory_mb}"))
        elif one.memory_mb > reserved:
            story = f"takes {one.memory_mb} MB, and resources reserve {reserved}: raise resources.{one.trial}.mem_mb"
            findings.append(warning(one.trial, f"{story} where a scheduler holds jobs to it"))
    return findings or ([ok("trials", f"a few steps of {', '.join(one.trial for one in tried)}")] if tried else [])
