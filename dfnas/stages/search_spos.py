"""Search with SPOS: train a supernet by uniform single paths, then evolve the path with the lowest error."""

import sys

from dfnas.search.spos import SposSearch
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.stages.job import Job
from dfnas.stages.searching import run_search, search_stage

STAGE = search_stage("search_spos", __doc__, SearchSposSettings, together=True)


def search_spos(job: Job[SearchSposSettings]) -> None:
    run_search(job, SposSearch)


if __name__ == "__main__":
    sys.exit(STAGE.main(search_spos))
