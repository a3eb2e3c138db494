"""Search by one of the algorithms: darts, proxyless or spos on the supernet that `dfnas.stages.supernet` has trained
for it; random, evolution, training_free, or your own as module:name or file.py:name.
`python -m dfnas.stages.search ALGORITHM --help` has the settings of each.
"""

import inspect
import sys
from typing import Any

from dfnas.artifacts.candidates import write_candidates
from dfnas.artifacts.history import write_history
from dfnas.artifacts.strengths import write_strengths
from dfnas.artifacts.timing import write_timing
from dfnas.runtime.energy import EnergyMeter
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import write_json
from dfnas.runtime.resumable import run
from dfnas.search import collapse
from dfnas.search.algorithm import resolve
from dfnas.settings.algorithms import reference, short_name
from dfnas.settings.search import SearchSettings
from dfnas.spaces.architecture import describe
from dfnas.stages.command import Stage, main_of
from dfnas.stages.job import Job
from dfnas.stages.options import checked_budget
from dfnas.stages.search_inputs import SearchInputs, add_search_inputs, draws, load_search_inputs

FILES = ("search_data", "history", "strengths", "candidates", "timing")


class SearchStage(Stage[SearchSettings]):
    """The stage of one algorithm; its rule is called `search_<name>`."""

    def __init__(self, algorithm: str):
        self.algorithm, self.name_of_algorithm = resolve(algorithm), short_name(algorithm)
        together = getattr(self.algorithm, "shares_batches", False)
        about = inspect.getdoc(sys.modules[self.algorithm.__module__]) or __doc__
        name, code = f"search_{self.name_of_algorithm}", (reference(algorithm),)
        super().__init__(name, about, self.algorithm.settings_type, together, "search", code)
        self.parser.prog += f" {algorithm}"
        self.draw = draws(self.algorithm)
        needed = self.draw is None
        add_search_inputs(self, self.algorithm)
        self.argument("--search-data", required=needed, metavar="NAME", help="name of the data in the tables")
        self.output("--out", required=True, help="the architecture, JSON")
        self.output("--history", required=needed, help="the course of the search, CSV")
        self.output("--strengths", required=needed, help="the options' strengths, JSON")
        self.output("--candidates", required=needed, help="judged architectures, CSV")
        self.output("--timing", required=needed, help="seconds of the search, JSON")

    def work(self, job: Job[Any]) -> None:
        """A search, or where its settings ask for no data an architecture for a task. Raises InputError where an option
        is missing."""
        settings, options = job.settings, job.options
        needed = ("dataset", *FILES) if settings.looks_at_images else FILES
        missing = [f"--{name.replace('_', '-')}" for name in needed if getattr(options, name) is None]
        if settings.on_data and missing:
            raise InputError(f"a search on data needs {', '.join(missing)}")
        inputs = load_search_inputs(job, self.algorithm, settings.needs_latency)
        if settings.on_data:
            self.search(job, inputs)
            return
        budget = checked_budget(inputs.space, settings.budget, inputs.latency)
        assert self.draw is not None, "see resolve"
        choices = self.draw(budget, options.seed, settings)
        document = describe(settings.space.name, settings.space.options, inputs.space, choices, job.provenance())
        write_json(options.out, document | {"search": collapse.judged(inputs.space, choices)})

    def search(self, job: Job[Any], inputs: SearchInputs) -> None:
        """Runs the algorithm and writes what it found."""
        options, settings, space = job.options, job.settings, inputs.space
        budget = checked_budget(space, settings.budget, inputs.latency)
        with job.once() as checkpoint:
            search = inputs.start(settings, budget)
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
            write_history(options.history, [*inputs.history, *history])
            write_candidates(options.candidates, space, search.candidates())
            write_strengths(options.strengths, space, search.strengths(), provenance)
            run_key = {"algorithm": self.name_of_algorithm, "search_data": options.search_data, "seed": options.seed}
            write_timing(options.timing, "search", run_key, cost, job.device, provenance)
            write_json(options.out, document)


if __name__ == "__main__":
    sys.exit(main_of(SearchStage, "search", __doc__, sys.argv[1:]))
