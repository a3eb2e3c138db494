"""How the tests share a machine when several run beside each other (pytest-xdist)."""

import os
from collections.abc import Callable

import pytest
import torch

TOGETHER = {
    "tests/workflow/test_reruns.py": "a finished run",
    "tests/workflow/test_whole_chain.py": "a finished run",
    "tests/workflow/test_data_freeness.py": "a finished run",
    "tests/workflow/test_report.py": "a finished run",
    "tests/workflow/test_verify.py": "a finished run",
    "tests/workflow/test_several_processes.py": "a finished run",
    "tests/slurm/": "a cluster",
    "tests/faults/": "a chain of artifacts",
}
"""Files, or folders, whose tests share what takes long to make. The longest come first."""

SAID = "said"


def pytest_configure() -> None:
    """Processes beside each other share the cores."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes > 1:
        torch.set_num_threads(max(1, torch.get_num_threads() // processes))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest go first, beside all others.

    Raises:
        UsageError: a file that needs the finished run is not among those that share it.
    """
    for item in items:
        if "finished" in getattr(item, "fixturenames", ()) and scope(item.nodeid) != "a finished run":
            raise pytest.UsageError(f"{item.nodeid} needs the finished run: name its file in TOGETHER, conftest.py")
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


@pytest.fixture
def say(record_property) -> Callable[[str], None]:
    """Says a line below the results of all tests: counts that a reader should see."""
    return lambda line: record_property(SAID, line)


def pytest_terminal_summary(terminalreporter) -> None:
    """What the tests had to say, whichever process they ran in."""
    passed = [report for report in terminalreporter.stats.get("passed", []) if report.when == "call"]
    lines = [line for report in passed for name, line in report.user_properties if name == SAID]
    if lines:
        terminalreporter.section("counts")
        for line in lines:
            terminalreporter.line(line)


def scope(nodeid: str) -> str:
    """What a test runs together with."""
    file = nodeid.split("::")[0]
    return next((name for start, name in TOGETHER.items() if file.startswith(start)), file)
