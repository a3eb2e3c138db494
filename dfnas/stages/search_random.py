"""Draw an architecture uniformly: the baseline that every search has to beat. It looks at no images."""

import json
import sys
from pathlib import Path

from dfnas.runtime.files import write_json
from dfnas.search.collapse import judged
from dfnas.search.uniform import random_architecture
from dfnas.settings.base import as_size
from dfnas.settings.search_random import SearchRandomSettings
from dfnas.spaces.architecture import describe
from dfnas.spaces.names import reference
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.stages.command import Job, Stage


def size(text: str) -> tuple[int, int]:
    return as_size(json.loads(text))


STAGE = Stage("search_random", __doc__, SearchRandomSettings)
STAGE.argument("--channels", type=int, required=True, metavar="N", help="channels of an image")
STAGE.argument("--size", type=size, required=True, metavar="SIZE", help="pixels of an image: a side or [height, width]")
STAGE.argument("--classes", type=int, required=True, metavar="N", help="number of classes")
STAGE.argument("--seed", type=int, required=True, metavar="N", help="seed of the draw")
STAGE.argument("--out", type=Path, required=True, metavar="FILE", help="the architecture, JSON")


def search_random(job: Job) -> None:
    options, settings = job.options, job.settings
    space = make(settings.space.name, Task(options.channels, options.size, options.classes), settings.space.options)
    choices = random_architecture(space, settings.max_macs_m, options.seed)
    provenance = job.provenance([], reference(settings.space.name))
    document = describe(settings.space.name, settings.space.options, space, choices, provenance)
    write_json(options.out, document | {"search": judged(space, choices)})


if __name__ == "__main__":
    sys.exit(STAGE.main(search_random))
