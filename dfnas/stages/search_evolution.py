"""Search by regularised evolution, without a supernet: train every candidate from scratch, breed from the young."""

import sys

from dfnas.search.regularized_evolution import EvolutionSearch
from dfnas.settings.search_evolution import SearchEvolutionSettings
from dfnas.stages.job import Job
from dfnas.stages.searching import run_search, search_stage

STAGE = search_stage("search_evolution", __doc__, SearchEvolutionSettings, supernet=False)


def search_evolution(job: Job[SearchEvolutionSettings]) -> None:
    run_search(job, EvolutionSearch)


if __name__ == "__main__":
    sys.exit(STAGE.main(search_evolution))
