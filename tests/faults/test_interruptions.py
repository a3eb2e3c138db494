"""Places that cannot be written to, disks that fill up, and processes that die."""

import importlib
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from stage_calls import SPACE, contents, run

DRIVER = Path(__file__).with_name("driver.py")
ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534


def start(action: str, name: str, *arguments: str | Path) -> subprocess.Popen:
    """A stage in a process of its own, see driver.py."""
    command = [sys.executable, DRIVER, action, name, "--device", "cpu", *arguments]
    return subprocess.Popen(
        list(map(str, command)), env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
    )


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


FOUND = ["found.json", "found.pt", "found.csv", "found.candidates", "found.strengths"]
KILLED = {
    "invert_teacher in its first batch": ("invert_teacher", 2, ["shard.h5"]),
    "invert_teacher in its second batch": ("invert_teacher", 9, ["shard.h5"]),
    "pretrain_teacher": ("pretrain_teacher", 7, ["teacher.pt", "teacher.csv"]),
    "retrain": ("retrain", 3, ["model.pt", "m.csv"]),
    "judge_images": ("judge_images", 3, ["judgement.json", "student.csv"]),
    "search_darts": ("search_darts", 2, FOUND),
    "search_darts in its selection": ("search_darts", 4, FOUND),
    "search_proxyless": ("search_proxyless", 2, FOUND),
    "search_spos in its supernet": ("search_spos", 2, FOUND),
    "search_spos in its evolution": ("search_spos", 5, FOUND),
    "search_evolution in a candidate": ("search_evolution", 5, [name for name in FOUND if name != "found.pt"]),
    "search_random in a candidate": ("search_random", 3, [name for name in FOUND if name != "found.pt"]),
}
WITHOUT_SUPERNET = ("search_evolution", "search_random")
SEARCH = {
    "search_darts": ["--epochs", "2", "--batch-size", "8"],
    "search_darts in its selection": [
        *("--epochs", "1", "--batch-size", "8", "--selection", '{"by": "perturbation", "tune_epochs": 1}'),
    ],
    "search_proxyless": ["--epochs", "2", "--warmup-epochs", "1", "--batch-size", "16", "--arch-every", "1"],
    "search_evolution": [
        *("--steps", "2", "--cycles", "4", "--population", "2", "--sample", "1", "--batch-size", "8"),
        *("--labels", "teacher", "--downscale", "2"),
    ],
    "search_random": ["--draws", "2", "--steps", "2", "--batch-size", "8"],
    "search_spos": [
        *("--steps", "4", "--batch-size", "8", "--evolution"),
        '{"generations": 3, "population": 4, "parents": 2, "crossover": 2, "mutation": 2, '
        '"recalibration_batches": 1, "recalibration_batch_size": 8}',
        *("--budget", '{"max_macs_m": 0}'),
    ],
}


def arguments_of(chain, name: str, case: str) -> list:
    """The stage on the chain; searches leave `found.*`."""
    if name not in SEARCH:
        return getattr(chain, name)()
    kinds = {"out": "json", "history": "csv", "supernet": "pt"}
    kinds |= {name: name for name in ("timing", "candidates", "strengths")}
    if name in WITHOUT_SUPERNET:
        del kinds["supernet"]
    files = [part for option, kind in kinds.items() for part in (f"--{option}", chain.folder / f"found.{kind}")]
    if "teacher" in SEARCH[name]:
        files += ["--teacher", chain.folder / "teacher.pt"]
    data = ["--dataset", chain.folder / "synthetic.h5", "--search-data", "synthetic", "--seed", "0", "--space", SPACE]
    return [*files, *data, *SEARCH.get(case, SEARCH[name])]


def made_and_removed(chain, name: str, arguments: list, outputs: list[str]) -> dict[str, bytes]:
    """What a stage leaves that nobody disturbs, by the name of the file, which is then gone."""
    assert run(name, *arguments) == 0
    whole = {output: (chain.folder / output).read_bytes() for output in outputs}
    for output in outputs:
        (chain.folder / output).unlink()
    return whole


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
