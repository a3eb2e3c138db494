"""Search by one of the algorithms: darts, proxyless, spos, random, evolution, training_free, or your own as module:name
or file.py:name. `python -m dfnas.stages.search ALGORITHM --help` has the settings of each.
"""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dfnas.artifacts.candidates import write_candidates
from dfnas.artifacts.history import write_history
from dfnas.artifacts.strengths import write_strengths
from dfnas.artifacts.supernet import save_supernet
from dfnas.artifacts.timing import write_timing
from dfnas.dataset.images import load_split
from dfnas.runtime.energy import EnergyMeter
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import write_json
from dfnas.runtime.resumable import run
from dfnas.search import collapse
from dfnas.search.algorithm import Search, resolve
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.settings.algorithms import reference, short_name
from dfnas.settings.search import SearchSettings
from dfnas.spaces import names
from dfnas.spaces.architecture import describe
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import add_latency, add_task, add_teacher, budget_of, labelling_teacher, seed, task_of

TASK, DATA = ("channels", "size", "classes"), ("dataset", "search_data", "history", "strengths", "candidates", "timing")


class SearchStage(Stage[SearchSettings]):
    """The stage of one algorithm; its rule is called `search_<name>`."""

    def __init__(self, algorithm: str):
        self.algorithm, self.name_of_algorithm = resolve(algorithm), short_name(algorithm)
        together = getattr(self.algorithm, "shares_batches", False)
        about = inspect.getdoc(sys.modules[self.algorithm.__module__]) or __doc__
        name, code = f"search_{self.name_of_algorithm}", (reference(algorithm),)
        super().__init__(name, about, self.algorithm.settings_type, together, "search", code)
        self.parser.prog += f" {algorithm}"
        self.draw: Callable[[Budget, int, Any], dict[str, str]] | None = getattr(self.algorithm, "without_data", None)
        needed = self.draw is None
        self.argument("--dataset", type=Path, required=needed, metavar="FILE", help="the data set to search on")
        self.argument("--search-data", required=needed, metavar="NAME", help="its name in the tables")
        add_teacher(self)
        self.argument("--seed", type=seed, required=True, metavar="N", help="seed of the run")
        self.output("--out", required=True, help="the architecture, JSON")
        self.output("--history", required=needed, help="the course of the search, CSV")
        self.output("--supernet", help="supernet and options' strengths, where there is one")
        self.output("--strengths", required=needed, help="the options' strengths, JSON")
        self.output("--candidates", required=needed, help="judged architectures, CSV")
        self.output("--timing", required=needed, help="seconds of the search, JSON")
        add_latency(self)
        if not needed:
            add_task(self, required=False)

    def work(self, job: Job[Any]) -> None:
        """A search on data, or where its settings ask for none an architecture for a task. Raises InputError where an
        option is missing."""
        settings, options = job.settings, job.options
        job.reads(code=[names.reference(settings.space.name)])
        missing = [
            f"--{name.replace('_', '-')}"
            for name in (DATA if settings.on_data else TASK)
            if getattr(options, name) is None
        ]
        if missing:
            raise InputError(f"a search {'on' if settings.on_data else 'without'} data needs {', '.join(missing)}")
        if settings.on_data:
            self.search(job)
            return
        space = make(settings.space.name, task_of(options), settings.space.options)
        budget, _ = budget_of(job, space)
        if self.draw is None:
            raise InputError(
                f"the section says that '{self.name_of_algorithm}' needs no data, and its class has no without_data "
                "(docs/extending.md)"
            )
        choices = self.draw(budget, options.seed, settings)
        document = describe(settings.space.name, settings.space.options, space, choices, job.provenance())
        write_json(options.out, document | {"search": collapse.judged(space, choices)})

    def search(self, job: Job[Any]) -> None:
        """Runs the algorithm on the job's data and writes what it found."""
        options, settings = job.options, job.settings
        train, validation = (load_split(options.dataset, split, job.device) for split in ("train", "validation"))
        space = make(settings.space.name, Task(train.channels, train.size, train.classes), settings.space.options)
        budget, latency = budget_of(job, space)
        teacher = labelling_teacher(job, train)
        with job.once() as checkpoint:
            context = SearchContext(space, train, validation, options.seed, budget, teacher, latency, job.processes)
            search: Search = self.algorithm(context, settings)
            meter = EnergyMeter.of(job.device, job.processes)
            description = f"{self.name_of_algorithm} on {options.search_data}, seed {options.seed}"
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
            if options.supernet is not None:
                network = getattr(search, "network", None)
                if network is None:
                    raise InputError(f"'{self.name_of_algorithm}' has no supernet; leave --supernet out")
                save_supernet(options.supernet, network, search.strengths(), provenance)
            run_key = {"algorithm": self.name_of_algorithm, "search_data": options.search_data, "seed": options.seed}
            write_timing(options.timing, "search", run_key, cost, job.device, provenance)
            write_json(options.out, document)


def main(argv: list[str]) -> int:
    """Runs the algorithm that the first argument names. Returns the exit status."""
    if not argv or argv[0].startswith("-"):
        print(__doc__)
        return 0 if argv else 2
    try:
        stage = SearchStage(argv[0])
    except InputError as error:
        print(f"search: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return stage.main(stage.work, argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
