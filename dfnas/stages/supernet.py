"""Train the supernet of a search: of darts, proxyless or spos. Searches under any budget stand on it.
`python -m dfnas.stages.supernet ALGORITHM --help` has the settings of each.
"""

import inspect
import sys
from pathlib import Path
from typing import Any

from dfnas.artifacts.supernet import save_supernet
from dfnas.artifacts.timing import write_timing
from dfnas.dataset.images import load_split
from dfnas.runtime.energy import EnergyMeter
from dfnas.runtime.errors import InputError
from dfnas.runtime.resumable import run
from dfnas.search.algorithm import resolve, supernet_of
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.search.supernet import Supernet
from dfnas.settings.algorithms import reference, short_name
from dfnas.settings.search import BudgetSettings, ImagesSettings
from dfnas.spaces import names
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.stages.command import Stage, main_of
from dfnas.stages.job import Job
from dfnas.stages.options import add_latency, add_teacher, latency_of, seed, with_labels


class SupernetStage(Stage[ImagesSettings]):
    """The stage of one algorithm; its rule is called `supernet_<name>`.

    Raises:
        InputError: no such algorithm, or one without a supernet.
    """

    def __init__(self, algorithm: str):
        found, name = resolve(algorithm), short_name(algorithm)
        trained, settings = supernet_of(found), found.settings_type.supernet_type
        if trained is None or settings is None:
            raise InputError(f"'{name}' trains no supernet; it is one stage, search_{name}")
        self.supernet, self.name_of_algorithm = trained, name
        about = inspect.getdoc(sys.modules[found.__module__]) or __doc__
        super().__init__(f"supernet_{name}", about, settings, True, "supernet", (reference(algorithm),))
        self.parser.prog += f" {algorithm}"
        self.argument("--dataset", type=Path, required=True, metavar="FILE", help="the data set to search on")
        self.argument("--search-data", required=True, metavar="NAME", help="its name in the tables")
        add_teacher(self)
        self.argument("--seed", type=seed, required=True, metavar="N", help="seed of the run")
        self.output("--out", required=True, help="the supernet, with its options' strengths")
        self.output("--timing", required=True, help="seconds of the training, JSON")
        add_latency(self)

    def work(self, job: Job[Any]) -> None:
        """Trains the supernet on the job's data."""
        options, settings = job.options, job.settings
        job.reads(code=[names.reference(settings.space.name)])
        train, validation = (load_split(options.dataset, split, job.device) for split in ("train", "validation"))
        space = make(settings.space.name, Task(train.channels, train.size, train.classes), settings.space.options)
        latency = latency_of(job, settings.space, space, settings.needs_latency)
        (train, validation), teacher = with_labels(job, settings, train, validation)
        with job.once() as checkpoint:
            without = Budget(space, BudgetSettings())
            context = SearchContext(space, train, validation, options.seed, without, teacher, latency, job.processes)
            supernet: Supernet = self.supernet(context, settings)
            meter = EnergyMeter.of(job.device, job.processes)
            description = f"supernet of {self.name_of_algorithm} on {options.search_data}, seed {options.seed}"
            history, cost = run(supernet, checkpoint, description, meter, job.processes.leads)
            if not job.processes.leads:
                return
            provenance = job.provenance()
            run_key = {"algorithm": self.name_of_algorithm, "search_data": options.search_data, "seed": options.seed}
            write_timing(options.timing, "supernet", run_key, cost, job.device, provenance)
            save_supernet(options.out, supernet.network, supernet.strengths(), supernet.report(), history, provenance)


def main(argv: list[str]) -> int:
    """See `main_of`."""
    return main_of(SupernetStage, "supernet", __doc__, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
