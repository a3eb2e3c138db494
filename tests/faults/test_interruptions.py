"""Places that cannot be written to, disks that fill up, and processes that die."""

import importlib
import os
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
from stage_calls import KILLED, arguments_of, contents, made_and_removed, run, start

NOBODY = 65534


@contextmanager
def not_root():
    """Root may write anywhere: be somebody else for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def readable(chain, tmp_path, tmp_path_factory):
    """The chain's folder, for all to read and none but its owner to write to."""
    folders = [tmp_path, *tmp_path.parents]
    top = next((each for each in folders if each.name.startswith("pytest-of-")), tmp_path_factory.getbasetemp())
    for folder in folders[: folders.index(top) + 1]:
        folder.chmod(0o755)
    for path in (chain.folder, *chain.folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return chain.folder


def test_a_results_folder_that_may_not_be_written_to(chain, readable, fails):
    place = readable / "closed"
    place.mkdir(mode=0o555)
    options = chain.search_random()
    options[-1] = place / "search" / "architecture.json"
    with not_root():
        fails("search_random", options, "cannot write to", place, "Permission denied", "a folder that you may write to")


def test_an_output_that_may_not_be_written(chain, readable, fails, tmp_path):
    """The state has a place of its own, and only the output's folder is closed."""
    place, state = readable / "closed", tmp_path / "state"
    place.mkdir(mode=0o555)
    state.mkdir()
    state.chmod(0o777)
    options = [*chain.search_random(), "--state-dir", state]
    options[options.index("--out") + 1] = place / "architecture.json"
    with not_root():
        fails("search_random", options, place, "Permission denied")


def test_a_results_folder_that_is_a_file(chain, fails):
    place = chain.folder / "results"
    place.write_text("I was here first.")
    options = chain.search_random()
    options[-1] = place / "architecture.json"
    fails("search_random", options, "cannot write to", place, "a folder that you may write to")
    options[-1] = place / "random" / "architecture.json"
    fails("search_random", options, "cannot write to", place)


def test_an_output_that_is_a_folder(chain, fails):
    place = chain.folder / "results"
    place.mkdir()
    options = chain.search_random()
    options[-1] = place
    fails("search_random", options, place, "directory")


@pytest.mark.parametrize("name", ["invert_teacher", "pretrain_teacher", "shard_dataset"])
def test_a_full_disk(chain, name):
    """HDF5 and torch files alike: one line, nothing half-written, and what was there stays."""
    before = contents(chain.folder)
    process = start("limit=2000", name, *getattr(chain, name)())
    _, said = process.communicate(timeout=120)
    lines = [line for line in said.splitlines() if not line.startswith(("inversion", "teacher"))]  # progress
    assert process.returncode == 1, said
    assert len(lines) == 1, said
    assert lines[0].startswith(f"{name}: error: ")
    out = Path(getattr(chain, name)()[getattr(chain, name)().index("--out") + 1])
    assert out.name in lines[0]
    after = contents(chain.folder)
    del before["teacher.csv"], after["teacher.csv"]  # the history is small enough to be written first
    assert after == before


@pytest.mark.slow
@pytest.mark.parametrize("case", KILLED)
def test_a_killed_stage_continues_to_the_identical_result(chain, case, monkeypatch):
    name, saves, outputs = KILLED[case]
    arguments = arguments_of(chain, name, case)
    whole = made_and_removed(chain, name, arguments, outputs)
    process = start(f"kill={saves}", name, *arguments)
    _, said = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, said
    assert not (chain.folder / outputs[0]).exists()
    (state,) = (path for path in (chain.folder / ".dfnas").glob("*.pt") if path.stem.isalnum())

    steps = []
    resumable = importlib.import_module("dfnas.runtime.resumable")
    progress = resumable.progress
    monkeypatch.setattr(resumable, "progress", lambda *given: steps.append(given[3]) or progress(*given))
    assert run(name, *arguments) == 0
    assert steps == [saves], "the work goes on where the last checkpoint left it"
    assert {output: (chain.folder / output).read_bytes() for output in outputs} == whole
    assert not state.exists()


@pytest.mark.slow
def test_a_changed_setting_does_not_continue_a_killed_stage(chain):
    process = start("kill=2", "invert_teacher", *chain.invert_teacher())
    process.communicate(timeout=120)
    assert run("invert_teacher", *chain.invert_teacher(), "--seed", "1") == 0
    other = (chain.folder / "shard.h5").read_bytes()
    for left in (chain.folder / ".dfnas").glob("*.pt"):
        left.unlink()
    assert run("invert_teacher", *chain.invert_teacher(), "--seed", "1") == 0
    assert (chain.folder / "shard.h5").read_bytes() == other


@pytest.mark.slow
def test_a_damaged_checkpoint_counts_as_none(chain, made):
    process = start("kill=2", "invert_teacher", *chain.invert_teacher())
    process.communicate(timeout=120)
    (state,) = (path for path in (chain.folder / ".dfnas").glob("*.pt") if path.stem.isalnum())
    state.write_bytes(state.read_bytes()[:-100])
    assert run("invert_teacher", *chain.invert_teacher()) == 0
    images = importlib.import_module("dfnas.dataset.writing").read_shard
    assert (images(chain.folder / "shard.h5")[0] == images(made / "shard.h5")[0]).all()
