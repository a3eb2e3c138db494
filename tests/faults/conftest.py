"""A small chain of artifacts, to be damaged by the tests."""

import shutil
from pathlib import Path

import pytest
import torch
from hostile import alone
from stage_calls import ORDER, Commands, contents, run


@pytest.fixture(autouse=True)
def _torch_as_it_was():
    """Stages set torch up for themselves."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture(scope="session")
def made(once) -> Path:
    """The whole chain. Not to be changed."""

    def make(folder: Path) -> None:
        for name in ORDER:
            assert run(name, *getattr(Commands(folder), name)()) == 0, name

    return once("chain", make)


@pytest.fixture
def chain(made, tmp_path, capsys) -> Commands:
    """A copy of it, to be damaged, and what stages are called with there."""
    shutil.copytree(made, tmp_path / "chain", ignore=shutil.ignore_patterns(".dfnas"))
    capsys.readouterr()
    return Commands(tmp_path / "chain")


@pytest.fixture
def larger_originals(chain, capsys) -> None:
    """Original images of 10 pixels, for a chain of 8."""
    options = chain.shard_original()
    options[options.index("--size") + 1] = "10"
    assert run("shard_original", *options) == 0
    capsys.readouterr()


@pytest.fixture
def fails(chain, capsys):
    """Runs a stage that must fail as the house demands, and returns its one line."""

    def check(name: str, arguments: list, *named: str | Path) -> str:
        before = contents(chain.folder)
        status = run(name, *arguments)
        lines = capsys.readouterr().err.splitlines()
        assert status == 1, lines
        assert len(lines) == 1, lines
        assert lines[0].startswith(f"{name}: error: ")
        missing = [str(part) for part in named if str(part) not in lines[0]]
        assert not missing, lines[0]
        assert contents(chain.folder) == before, "a failure leaves every artifact as it was, and nothing new"
        return lines[0]

    return check


@pytest.fixture
def refused(tmp_path):
    """Runs a stage that must refuse what it is given, in one line that names it, without a trace of its code."""

    def check(name: str, arguments: list, *named: str | Path) -> str:
        status, lines = alone(tmp_path / "said", name, arguments)
        assert status == 1, (status, lines[-5:])
        assert len(lines) == 1, lines[-5:]
        assert lines[0].startswith(f"{name}: error: ")
        assert len(lines[0]) < 2000
        for part in named:
            assert str(part) in lines[0], lines[0]
        assert not (tmp_path / "trace").exists(), "code ran"
        return lines[0]

    return check
