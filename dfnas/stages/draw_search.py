"""Draw a search: the architecture that it found, its course, and the candidates that it judged."""

import sys
from pathlib import Path

from dfnas.artifacts.architecture import FoundArchitecture, read_architecture
from dfnas.artifacts.candidates import read_candidates
from dfnas.artifacts.history import read_history
from dfnas.artifacts.picture import write_picture
from dfnas.artifacts.strengths import read_strengths
from dfnas.pictures.search import search_png
from dfnas.spaces.names import reference
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import seed

STAGE = Stage("draw_search", __doc__, None)
STAGE.argument("--architecture", type=Path, required=True, metavar="FILE", help="what was found, JSON")
STAGE.argument("--history", type=Path, metavar="FILE", help="the search by epoch, CSV, if it has one")
STAGE.argument("--candidates", type=Path, metavar="FILE", help="judged architectures, CSV, if there is such a file")
STAGE.argument("--strengths", type=Path, metavar="FILE", help="the options' strengths, JSON, if there are any")
STAGE.argument("--algorithm", required=True, metavar="NAME", help="that searched")
STAGE.argument("--search-data", required=True, metavar="NAME", help="that it searched on")
STAGE.argument("--seed", type=seed, required=True, metavar="N", help="seed of the search")
STAGE.output("--out", required=True, help="the picture, PNG")


def draw_search(job: Job[None]) -> None:
    options = job.options
    found = FoundArchitecture.read(options.architecture)
    document, space = read_architecture(options.architecture)
    history = read_history(options.history) if options.history else []
    candidates = read_candidates(options.candidates, space) if options.candidates else []
    strengths = read_strengths(options.strengths, space) if options.strengths else None
    data = "" if options.search_data == "none" else f" on {options.search_data} images"
    title = f"{options.algorithm}{data}, seed {options.seed}"
    content = search_png(title, found, space, history, candidates, strengths)
    job.reads(code=[reference(document["space"]["name"])])
    write_picture(options.out, content, job.provenance())


if __name__ == "__main__":
    sys.exit(STAGE.main(draw_search))
