"""How the tests share a machine when several run beside each other (pytest-xdist)."""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

FIRST = (
    "tests/slurm/",
    "tests/workflow/test_reruns.py",
    "tests/workflow/test_first_hour.py",
    "tests/workflow/test_documented_commands.py",
    "tests/workflow/test_kills.py",
    "tests/workflow/test_whole_chain.py",
    "tests/workflow/test_lookup.py",
    "tests/workflow/test_caching.py",
    "tests/workflow/",
    "tests/faults/",
)
"""Files and folders that take long, the longest first: they begin beside each other."""

SAID = "said"


def pytest_configure() -> None:
    """Tensors are small, and processes beside each other share the cores: one thread is the quickest."""
    torch.set_num_threads(1)


def pytest_xdist_auto_num_workers() -> int:
    """A process for each core, up to four, and one for the tests on a cluster, which wait most of their time."""
    return min(4, os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest go first, beside all others."""
    items.sort(key=lambda item: next((i for i, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of a file run in one process, and so do those on the cluster: nothing is made twice."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "a cluster" if nodeid.startswith("tests/slurm/") else nodeid.split("::")[0]

    return Together(config, log)


@pytest.fixture(autouse=True)
def users_modules_forgotten(tmp_path_factory) -> Iterator[None]:
    """A module of the user's that a test has written and loaded is gone with it: another test's has the same name."""
    known, written = set(sys.modules), str(tmp_path_factory.getbasetemp())
    yield
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(written):
            del sys.modules[name]


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], None]], Path]:
    """once(name, make): a folder that `make` has filled, in whichever process needed it first. Not to be changed."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name: str, make: Callable[[Path], None]) -> Path:
        place = shared / name
        with open(shared / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (shared / f"{name}.made").exists():
                assert not place.exists(), f"another process failed to make {name}"
                place.mkdir()
                make(place)
                (shared / f"{name}.made").touch()
        return place

    return folder


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
