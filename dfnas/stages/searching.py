"""What the stages of the searches share: data in, a search run, an architecture and its history out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dfnas.dataset.images import load_split
from dfnas.runtime.files import save_archive, write_json
from dfnas.runtime.resumable import run
from dfnas.search.context import SearchContext
from dfnas.settings.search import SearchSettings
from dfnas.spaces.architecture import describe
from dfnas.spaces.names import reference
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.stages.budgets import add_latency_argument, budget_of
from dfnas.stages.command import Job, Stage
from dfnas.stages.histories import write_history, write_timing


def search_stage(name: str, description: str, settings: type[SearchSettings]) -> Stage:
    """A stage with the files that every search on data has."""
    stage = Stage(name, description, settings)
    stage.argument("--dataset", type=Path, required=True, metavar="FILE", help="the data set to search on")
    stage.argument("--search-data", required=True, metavar="NAME", help="its name in the tables")
    stage.argument("--seed", type=int, required=True, metavar="N", help="seed of the run")
    stage.argument("--out", type=Path, required=True, metavar="FILE", help="the architecture, JSON")
    stage.argument("--history", type=Path, required=True, metavar="FILE", help="the search by epoch, CSV")
    stage.argument("--supernet", type=Path, required=True, metavar="FILE", help="supernet and its options' strengths")
    stage.argument("--timing", type=Path, required=True, metavar="FILE", help="seconds of the search, JSON")
    add_latency_argument(stage)
    return stage


def run_search(job: Job, algorithm: Callable[[SearchContext, Any], Any]) -> None:
    """Runs an algorithm's `Resumable` search on the job's data and writes what it found.

    Args:
        algorithm: makes the search from its context and settings; has `architecture` and `strengths` at the end.
    """
    options, settings = job.options, job.settings
    train, validation = (load_split(options.dataset, split, job.device) for split in ("train", "validation"))
    space = make(settings.space.name, Task(train.channels, train.size, train.classes), settings.space.options)
    code = reference(settings.space.name)
    budget, latency, tables = budget_of(job, space)
    inputs = [options.dataset, *tables]
    checkpoint = job.checkpoint(inputs, code)
    search = algorithm(SearchContext(space, train, validation, options.seed, budget, latency), settings)
    name = job.stage.removeprefix("search_")
    history, seconds = run(search, checkpoint, f"{name} on {options.search_data}, seed {options.seed}")

    provenance = job.provenance(inputs, code)
    document = describe(settings.space.name, settings.space.options, space, search.architecture(), provenance)
    write_history(options.history, history)
    save_archive(options.supernet, {"state": search.network.state_dict(), "strengths": search.strengths()})
    run_key = {"algorithm": name, "search_data": options.search_data, "seed": options.seed}
    write_timing(options.timing, "search", run_key, seconds, job.device)
    write_json(options.out, document)
    checkpoint.clear()
