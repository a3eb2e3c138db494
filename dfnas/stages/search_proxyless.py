"""Search with ProxylessNAS: train sampled paths, learn their probabilities through binary gates, mind the cost."""

import sys

from dfnas.search.proxyless import ProxylessSearch
from dfnas.settings.search_proxyless import SearchProxylessSettings
from dfnas.stages.job import Job
from dfnas.stages.searching import run_search, search_stage

STAGE = search_stage("search_proxyless", __doc__, SearchProxylessSettings, together=True)


def search_proxyless(job: Job[SearchProxylessSettings]) -> None:
    run_search(job, ProxylessSearch)


if __name__ == "__main__":
    sys.exit(STAGE.main(search_proxyless))
