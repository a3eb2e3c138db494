"""Search with DARTS: relax the choice of options to a weighted sum and descend on the weights of the sum."""

import sys

from dfnas.search.darts import DartsSearch
from dfnas.settings.search_darts import SearchDartsSettings
from dfnas.stages.job import Job
from dfnas.stages.searching import run_search, search_stage

STAGE = search_stage("search_darts", __doc__, SearchDartsSettings, together=True)


def search_darts(job: Job[SearchDartsSettings]) -> None:
    run_search(job, DartsSearch)


if __name__ == "__main__":
    sys.exit(STAGE.main(search_darts))
