"""How the tests share a machine when several run beside each other (pytest-xdist)."""

import os

import pytest
import torch

TOGETHER = {
    "tests/workflow/test_reruns.py": "a finished run",
    "tests/workflow/test_whole_chain.py": "a finished run",
    "tests/workflow/test_data_freeness.py": "a finished run",
    "tests/workflow/test_report.py": "a finished run",
    "tests/slurm/": "a cluster",
    "tests/faults/": "a chain of artifacts",
}
"""Files, or folders, whose tests share what takes long to make. The longest come first."""


def pytest_configure() -> None:
    """Processes beside each other share the cores."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes > 1:
        torch.set_num_threads(max(1, torch.get_num_threads() // processes))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest go first, beside all others."""
    places = {name: place for place, name in enumerate(dict.fromkeys(TOGETHER.values()))}
    items.sort(key=lambda item: places.get(scope(item.nodeid), len(places)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of a file run in one process, and so do those of files that share something: nothing is made twice."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

    return Together(config, log)


def scope(nodeid: str) -> str:
    """What a test runs together with."""
    file = nodeid.split("::")[0]
    return next((name for start, name in TOGETHER.items() if file.startswith(start)), file)
