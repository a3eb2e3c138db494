"""What the stages of the searches share: data in, a search run, an architecture and its history out."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dfnas.artifacts.candidates import write_candidates
from dfnas.artifacts.history import write_history
from dfnas.artifacts.strengths import write_strengths
from dfnas.artifacts.timing import write_timing
from dfnas.dataset.images import load_split
from dfnas.runtime.energy import EnergyMeter
from dfnas.runtime.files import save_archive, write_json
from dfnas.runtime.resumable import run
from dfnas.search import collapse
from dfnas.search.context import SearchContext
from dfnas.settings.search import SearchSettings
from dfnas.spaces.architecture import describe
from dfnas.spaces.names import reference
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.stages.budgets import add_latency_argument, budget_of
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.labelling import add_teacher_argument, labelling_teacher
from dfnas.stages.numbers import seed


def search_stage(
    name: str,
    description: str,
    settings: type[SearchSettings],
    supernet: bool = True,
    needs_data: bool = True,
    together: bool = False,
) -> Stage:
    """A stage with the files that every search on data has.

    Args:
        supernet: whether the algorithm has one to leave behind.
        needs_data: whether the data, and what a search on them leaves beside the architecture, must be given.
        together: whether several processes can share its batches.
    """
    stage = Stage(name, description, settings, together)
    stage.argument("--dataset", type=Path, required=needs_data, metavar="FILE", help="the data set to search on")
    stage.argument("--search-data", required=needs_data, metavar="NAME", help="its name in the tables")
    add_teacher_argument(stage)
    stage.argument("--seed", type=seed, required=True, metavar="N", help="seed of the run")
    stage.output("--out", required=True, help="the architecture, JSON")
    stage.output("--history", required=needs_data, help="the course of the search, CSV")
    if supernet:
        stage.output("--supernet", required=True, help="supernet and options' strengths")
    stage.output("--strengths", required=needs_data, help="the options' strengths, JSON")
    stage.output("--candidates", required=needs_data, help="judged architectures, CSV")
    stage.output("--timing", required=needs_data, help="seconds of the search, JSON")
    add_latency_argument(stage)
    return stage


def run_search(job: Job, algorithm: Callable[[SearchContext, Any], Any]) -> None:
    """Runs an algorithm's `Resumable` search on the job's data and writes what it found.

    Args:
        algorithm: makes the search from its context and settings; has `architecture`, `strengths`, `candidates` and
            `report` at the end, a `remedy` to name if the report says that the search has collapsed, and, where the
            stage has a supernet, `network`.
    """
    options, settings = job.options, job.settings
    train, validation = (load_split(options.dataset, split, job.device) for split in ("train", "validation"))
    space = make(settings.space.name, Task(train.channels, train.size, train.classes), settings.space.options)
    budget, latency = budget_of(job, space)
    job.reads(code=[reference(settings.space.name)])
    teacher = labelling_teacher(job, train)
    with job.once() as checkpoint:
        context = SearchContext(space, train, validation, options.seed, budget, teacher, latency, job.processes)
        search = algorithm(context, settings)
        name = job.stage.removeprefix("search_")
        meter = EnergyMeter.of(job.device, job.processes)
        description = f"{name} on {options.search_data}, seed {options.seed}"
        history, cost = run(search, checkpoint, description, meter, job.processes.leads)
        if not job.processes.leads:
            return
        provenance, report = job.provenance(), search.report()
        document = describe(settings.space.name, settings.space.options, space, search.architecture(), provenance)
        if report["collapsed"]:
            print(f"{job.stage}: warning: {collapse.warning(report, search.remedy)}", file=sys.stderr, flush=True)
        document["search"] = report
        write_history(options.history, history)
        write_candidates(options.candidates, space, search.candidates())
        write_strengths(options.strengths, space, search.strengths(), provenance)
        if "supernet" in options:
            supernet = {"state": search.network.state_dict(), "strengths": search.strengths(), "provenance": provenance}
            save_archive(options.supernet, supernet)
        run_key = {"algorithm": name, "search_data": options.search_data, "seed": options.seed}
        write_timing(options.timing, "search", run_key, cost, job.device, provenance)
        write_json(options.out, document)
