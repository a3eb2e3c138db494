"""A disk that is full, a folder that turns read-only, a file that vanishes: one line, and work goes on once mended.

The disk is a small file system of its own, which only root may make; without one the first tests are skipped.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from stage_calls import arguments_of, run

from dfnas.runtime import checkpoint, resumable


class Disk:
    """A file system in memory, mounted on a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def mount(self, *options: str) -> bool:
        """With options, such as `size=64k`; whether it could be done."""
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", self.folder]
        return subprocess.run(command, capture_output=True).returncode == 0

    def change(self, *options: str) -> None:
        subprocess.run(["mount", "-o", ",".join(("remount", *options)), self.folder], check=True)


@pytest.fixture
def disk(tmp_path) -> Iterator[Disk]:
    """One of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = Disk(folder)
    if os.geteuid() or not made.mount("size=64k"):
        pytest.skip("no file system can be mounted here: it takes root, and a container that lets it")
    yield made
    subprocess.run(["umount", "-l", folder], check=True)


def onto(arguments: list, folder: Path, *names: str) -> list:
    """The arguments with some output files in another folder."""
    return [folder / part.name if isinstance(part, Path) and part.name in names else part for part in arguments]


@pytest.fixture
def begins(monkeypatch) -> list[int]:
    """The step that each loop begins at; every step is saved."""
    monkeypatch.setattr(checkpoint, "INTERVAL_S", 0.0)
    steps, progress = [], resumable.progress
    monkeypatch.setattr(resumable, "progress", lambda *given: steps.append(given[3]) or progress(*given))
    return steps


def one_line(capsys, name: str) -> str:
    """What a stage says, without its progress."""
    said = [line for line in capsys.readouterr().err.splitlines() if ": error: " in line or "Traceback" in line]
    assert len(said) == 1, said
    assert said[0].startswith(f"{name}: error: ")
    return said[0]


CASES = {
    "invert_teacher": ["shard.h5", "shard.csv"],
    "supernet_spos": ["supernet.pt"],
    "search_spos": ["found.json", "found.csv", "found.candidates"],
}


@pytest.mark.parametrize("name", CASES)
def test_a_full_disk_costs_no_finished_step(chain, disk, begins, capsys, tmp_path, name):
    roomy, arguments = (
        tmp_path / "roomy",
        arguments_of(chain, name, name),
    )  # beside the disk: artifacts name their inputs
    assert run(name, *onto(arguments, roomy, *CASES[name]), "--state-dir", chain.folder / "state") == 0
    whole = {file: (roomy / file).read_bytes() for file in CASES[name]}
    elsewhere = [*onto(arguments, disk.folder, *whole), "--state-dir", chain.folder / "state"]
    (disk.folder / "others").write_bytes(bytes(60 << 10))  # nearly full
    capsys.readouterr()
    assert run(name, *elsewhere) == 1
    line = one_line(capsys, name)
    assert "No space left on device" in line
    assert "free some space and run again, what was finished is kept" in line
    assert not [path for path in disk.folder.iterdir() if path.name.endswith(".tmp")], "it takes no more of the space"
    disk.change("size=64m")
    assert run(name, *elsewhere) == 0
    assert begins[-1] > 0, "not from the beginning"
    assert {file: (disk.folder / file).read_bytes() for file in whole} == whole


def test_a_checkpoint_that_finds_the_disk_full_keeps_the_one_before(chain, disk, begins, capsys, tmp_path):
    arguments = chain.invert_teacher()
    assert run("invert_teacher", *arguments, "--state-dir", tmp_path / "roomy") == 0
    whole = (chain.folder / "shard.h5").read_bytes()
    (disk.folder / "others").write_bytes(bytes(16 << 10))
    with_state = [*arguments, "--state-dir", disk.folder]
    capsys.readouterr()
    assert run("invert_teacher", *with_state) == 1
    assert "No space left on device" in one_line(capsys, "invert_teacher")
    disk.change("size=64m")
    assert run("invert_teacher", *with_state) == 0
    assert (chain.folder / "shard.h5").read_bytes() == whole


def test_a_file_system_that_turns_read_only(chain, disk, begins, capsys):
    disk.change("size=64m")
    arguments = [*onto(chain.invert_teacher(), disk.folder, "shard.h5", "shard.csv"), "--state-dir", disk.folder]
    disk.change("ro")
    capsys.readouterr()
    assert run("invert_teacher", *arguments) == 1
    line = one_line(capsys, "invert_teacher")
    assert str(disk.folder) in line
    assert "Read-only file system" in line
    disk.change("rw")
    assert run("invert_teacher", *arguments) == 0
    assert (disk.folder / "shard.h5").is_file()


VANISHING = [
    ("calibrate_labels", "teacher.pt"),
    ("calibrate_labels", "shard.h5"),
    ("assess_images", "labels.h5"),
    ("shard_dataset", "labels.h5"),
    ("retrain", "architecture.json"),
    ("retrain", "synthetic.h5"),
    ("retrain", "shard.h5"),
    ("evaluate", "model.pt"),
    ("evaluate", "original-1.h5"),
    ("draw_training", "m.csv"),
]


@pytest.mark.parametrize(("name", "lost"), VANISHING)
def test_a_file_that_vanishes_between_two_stages(chain, fails, name, lost):
    file = chain.folder / lost
    kept = file.read_bytes()
    file.unlink()
    fails(name, getattr(chain, name)(), lost)
    file.write_bytes(kept)
    assert run(name, *getattr(chain, name)()) == 0


def test_nothing_is_made_over_what_it_is_made_from(fails, chain):
    """A slip in a command typed by hand: the shard would be lost."""
    options = chain.calibrate_labels()
    options[options.index("--out") + 1] = chain.folder / "shard.h5"
    fails("calibrate_labels", options, chain.folder / "shard.h5", "as an output, and as another output or an input")
    options = chain.retrain()
    options[options.index("--history") + 1] = options[options.index("--out") + 1]
    fails("retrain", options, chain.folder / "model.pt", "name another file")


@pytest.mark.parametrize("twice", ["--shards", "--labels"])
def test_no_image_is_put_into_a_data_set_twice(fails, chain, twice):
    """One copy could be held out and the other trained on."""
    file = chain.shard_dataset()[chain.shard_dataset().index(twice) + 1]
    fails("shard_dataset", [*chain.shard_dataset(), twice, file, file], file, "named twice")


@pytest.mark.parametrize("threads", ["0", "-2"])
def test_a_job_has_a_thread(fails, chain, threads):
    fails("search_random", [*chain.search_random(), "--threads", threads], f"threads = {threads}: expected 1 or more")
