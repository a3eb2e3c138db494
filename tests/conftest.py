"""How the tests share a machine when several run beside each other (pytest-xdist)."""

import os

import pytest
import torch

COSTLY = ("finished", "made")
"""Fixtures of a whole session that take long to make: whatever uses one runs in the same process."""


def pytest_configure() -> None:
    """Processes beside each other share the cores."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes > 1:
        torch.set_num_threads(max(1, torch.get_num_threads() // processes))


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a file, or of a costly fixture, stay together: so that nothing is made twice. The longest group goes
    first, beside all others."""
    for item in items:
        together = next((name for name in COSTLY if name in item.fixturenames), item.location[0])
        item.add_marker(pytest.mark.xdist_group(together))
    items.sort(key=lambda item: COSTLY[0] not in item.fixturenames)
