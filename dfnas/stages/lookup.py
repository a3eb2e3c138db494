"""Look up the true accuracy of a found architecture in a table that has those of all, instead of training it.

Rank and percentile are among all architectures of the table. `collapsed` is the judgement of the searches (the share of
skip connections); an architecture `learns_nothing` if nothing with weights lies in it on a way from input to output,
where its space can say so.
"""

import sys
from pathlib import Path

from dfnas.artifacts.architecture import read_architecture
from dfnas.artifacts.lookup import Lookup
from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.search.collapse import judged
from dfnas.settings.lookup import LookupSettings
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import seed

STAGE = Stage("lookup", __doc__, LookupSettings)
STAGE.argument("--architecture", type=Path, required=True, metavar="FILE", help="the found architecture, JSON")
STAGE.argument("--algorithm", required=True, metavar="NAME", help="what found it")
STAGE.argument("--search-data", required=True, metavar="NAME", help="on which data")
STAGE.argument("--seed", type=seed, required=True, metavar="N", help="with which seed")
STAGE.output("--out", required=True, help="its true accuracy and standing, JSON")


def lookup(job: Job[LookupSettings]) -> None:
    options = job.options
    document, space = read_architecture(options.architecture)
    table = AccuracyTable.read(job.settings)
    job.reads(job.settings.file())
    architecture = space.to_string(document["choices"])
    standing, (best, highest) = table.standing(architecture), table.best()
    Lookup(
        algorithm=options.algorithm,
        search_data=options.search_data,
        seed=options.seed,
        architecture=architecture,
        isomorphism_class=table.classes.get(architecture),
        collapsed=bool(judged(space, document["choices"])["collapsed"]),
        learns_nothing=space.learns_nothing(document["choices"]),
        **standing._asdict(),
        architectures=len(table),
        best_architecture=best,
        best_accuracy=highest.accuracy,
        provenance=job.provenance(),
    ).write(options.out)
    print(f"{architecture}: accuracy {standing.accuracy:.2f}, rank {standing.rank} of {len(table)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(STAGE.main(lookup))
