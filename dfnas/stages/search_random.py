"""Draw architectures uniformly: the baseline that every search has to beat. One is taken as it is, and no images are
looked at; of several, each is trained from scratch and scored, and the best is taken."""

import sys

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import write_json
from dfnas.search.collapse import judged
from dfnas.search.uniform import RandomSearch, random_architectures
from dfnas.settings.search_random import SearchRandomSettings
from dfnas.spaces.architecture import describe
from dfnas.spaces.names import reference
from dfnas.spaces.registry import make
from dfnas.stages.budgets import budget_of
from dfnas.stages.job import Job
from dfnas.stages.searching import run_search, search_stage
from dfnas.stages.tasks import add_task_arguments, task_of

TASK, DATA = ("channels", "size", "classes"), ("dataset", "search_data", "history", "strengths", "candidates", "timing")

STAGE = search_stage("search_random", __doc__, SearchRandomSettings, supernet=False, needs_data=False)
add_task_arguments(STAGE, required=False)


def search_random(job: Job[SearchRandomSettings]) -> None:
    """A draw for a task, or a search on data, as `draws` says. Raises InputError where an option is missing."""
    options, settings = job.options, job.settings
    needed = TASK if settings.draws == 1 else DATA
    missing = [f"--{name.replace('_', '-')}" for name in needed if getattr(options, name) is None]
    if missing:
        raise InputError(f"draws = {settings.draws} needs {', '.join(missing)}")
    if settings.draws > 1:
        run_search(job, RandomSearch)
        return
    space = make(settings.space.name, task_of(options), settings.space.options)
    budget, _ = budget_of(job, space)
    (choices,) = random_architectures(budget, options.seed, 1)
    job.reads(code=[reference(settings.space.name)])
    document = describe(settings.space.name, settings.space.options, space, choices, job.provenance())
    write_json(options.out, document | {"search": judged(space, choices)})


if __name__ == "__main__":
    sys.exit(STAGE.main(search_random))
