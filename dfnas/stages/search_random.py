"""Draw an architecture uniformly: the baseline that every search has to beat. It looks at no images."""

import sys
from pathlib import Path

from dfnas.runtime.files import write_json
from dfnas.search.uniform import random_architecture
from dfnas.settings.search_random import SearchRandomSettings
from dfnas.spaces.architecture import describe
from dfnas.spaces.names import reference
from dfnas.spaces.registry import make
from dfnas.stages.budgets import add_latency_argument, budget_of
from dfnas.stages.command import Job, Stage
from dfnas.stages.tasks import add_task_arguments, task_of

STAGE = Stage("search_random", __doc__, SearchRandomSettings)
add_task_arguments(STAGE)
add_latency_argument(STAGE)
STAGE.argument("--seed", type=int, required=True, metavar="N", help="seed of the draw")
STAGE.argument("--out", type=Path, required=True, metavar="FILE", help="the architecture, JSON")


def search_random(job: Job) -> None:
    options, settings = job.options, job.settings
    space = make(settings.space.name, task_of(options), settings.space.options)
    budget, _, tables = budget_of(job, space)
    choices = random_architecture(budget, options.seed)
    provenance = job.provenance(tables, reference(settings.space.name))
    write_json(options.out, describe(settings.space.name, settings.space.options, space, choices, provenance))


if __name__ == "__main__":
    sys.exit(STAGE.main(search_random))
