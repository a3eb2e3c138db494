"""The cache that workflows share, stage by stage: the same bytes without the work, and no trust in what is damaged."""

import os
import shutil
from pathlib import Path

import pytest
from stage_calls import SPACE, Commands, run

from dfnas.runtime.cache import VARIABLE, CacheEntry

STAGES = ("shard_original", "pretrain_teacher", "invert_teacher", "calibrate_labels", "shard_dataset", "search_random")
LOOPS = ("pretrain_teacher", "invert_teacher", "calibrate_labels", "search_evolution", "retrain")
"""Stages that keep what they made."""


def commands(folder: Path, name: str) -> list:
    if name != "search_evolution":
        return getattr(Commands(folder), name)()
    kinds = {"out": "json", "history": "csv", "candidates": "candidates.csv"}
    kinds |= {"strengths": "strengths.json", "timing": "timing.json"}
    files = [part for option, kind in kinds.items() for part in (f"--{option}", folder / f"found.{kind}")]
    data = ["--dataset", folder / "synthetic.h5", "--search-data", "synthetic", "--seed", "0", "--space", SPACE]
    settings = ["--cycles", "3", "--population", "2", "--sample", "1", "--steps", "1", "--batch-size", "8"]
    return [*files, *data, *settings]


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def chain(folder: Path, capsys) -> dict[str, str]:
    """Makes a chain of artifacts in a folder, and returns what every stage said."""
    said = {}
    for name in (*STAGES, "search_evolution", "retrain"):
        capsys.readouterr()
        assert run(name, *commands(folder, name)) == 0, name
        said[name] = capsys.readouterr().err
    return said


def entries(cache: Path) -> list[Path]:
    return sorted(path.parent for path in cache.rglob("entry.json"))


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".dfnas" not in path.parts
    }


def test_a_second_folder_takes_what_the_first_has_made(tmp_path, cache, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # a network's figures name the file of its architecture as the workflow does
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    monkeypatch.chdir(tmp_path / "one")
    made = chain(Path("results"), capsys)
    assert not any("cache" in story for story in made.values())
    assert len(entries(cache)) == len(LOOPS)
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    monkeypatch.chdir(tmp_path / "two")
    taken = chain(Path("results"), capsys)
    for name, story in taken.items():
        assert ("cache: taken from the cache: " in story) == (name in LOOPS), name
        assert "it/s" not in story, name
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before
    assert not list((tmp_path / "two" / "results" / ".dfnas").glob("*.pt"))


def test_without_the_variable_there_is_no_cache(tmp_path, cache, monkeypatch, capsys):
    monkeypatch.delenv(VARIABLE)
    folder = Commands(tmp_path / "chain")
    assert run("shard_original", *folder.shard_original()) == 0
    assert run("pretrain_teacher", *folder.pretrain_teacher()) == 0
    assert not cache.exists()


@pytest.fixture
def teacher(tmp_path, cache, capsys) -> Commands:
    """A chain with a teacher, which the cache has too."""
    folder = Commands(tmp_path / "chain")
    assert run("shard_original", *folder.shard_original()) == 0
    assert run("pretrain_teacher", *folder.pretrain_teacher()) == 0
    capsys.readouterr()
    return folder


@pytest.mark.parametrize("option", [("--epochs", "2"), ("--seed", "1"), ("--lr", "0.2"), ("--threads", "2")])
def test_other_settings_miss(teacher, cache, capsys, option):
    assert run("pretrain_teacher", *teacher.pretrain_teacher(), *option) == 0
    assert "cache" not in capsys.readouterr().err
    assert len(entries(cache)) == 2


def test_another_input_misses(teacher, cache, capsys):
    assert run("shard_original", *teacher.shard_original(), "--seed", "1") == 0
    assert run("pretrain_teacher", *teacher.pretrain_teacher()) == 0
    assert "cache" not in capsys.readouterr().err
    assert len(entries(cache)) == 2


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "a bit of a file": lambda entry: damage(entry / "0.pt"),
    "a bit of the second file": lambda entry: damage(entry / "1.csv"),
    "a file cut": lambda entry: os.truncate(entry / "0.pt", 100),
    "a file gone": lambda entry: (entry / "1.csv").unlink(),
    "a folder for a file": lambda entry: ((entry / "0.pt").unlink(), (entry / "0.pt").mkdir()),
    "the record cut": lambda entry: os.truncate(entry / "entry.json", 40),
    "the record gone": lambda entry: (entry / "entry.json").unlink(),
    "another record": lambda entry: (entry / "entry.json").write_text('{"identity": {}, "files": {}}'),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_entry_is_told_and_made_anew(teacher, cache, capsys, case):
    before = files(teacher.folder)
    (entry,) = entries(cache)
    kept = files(entry)
    DAMAGES[case](entry)
    (teacher.folder / "teacher.pt").unlink()
    assert run("pretrain_teacher", *teacher.pretrain_teacher()) == 0
    story = capsys.readouterr().err
    assert f"cache: {entry} is damaged (" in story
    assert "it is made anew" in story
    assert files(teacher.folder) == before
    assert files(entry) == kept


def test_a_cache_that_cannot_be_written_loses_nothing(tmp_path, monkeypatch, capsys):
    place = tmp_path / "cache"
    place.write_text("a file")
    monkeypatch.setenv(VARIABLE, str(place))
    folder = Commands(tmp_path / "chain")
    assert run("shard_original", *folder.shard_original()) == 0
    assert run("pretrain_teacher", *folder.pretrain_teacher()) == 0
    assert "cannot be kept: " in capsys.readouterr().err
    assert (folder.folder / "teacher.pt").is_file()


def test_the_first_of_two_is_kept(tmp_path, capsys):
    folders = [tmp_path / name for name in ("a", "b", "c")]
    results = [folder / "x.txt" for folder in folders]
    for path in results[:2]:
        path.parent.mkdir()
        path.write_text(path.parent.name)
        CacheEntry(tmp_path / "cache", {"stage": "x"}, [path]).keep()
    assert CacheEntry(tmp_path / "cache", {"stage": "x"}, results[2:]).recall()
    assert results[2].read_text() == "a"
    assert "cannot" not in capsys.readouterr().err
    assert not list((tmp_path / "cache").rglob(".new-*"))


def test_nothing_is_put_in_place_from_a_damaged_entry(tmp_path):
    made = [tmp_path / "made" / name for name in ("x.txt", "y.txt")]
    for path in made:
        path.parent.mkdir(exist_ok=True)
        path.write_text(path.name)
    entry = CacheEntry(tmp_path / "cache", {"stage": "x"}, made)
    entry.keep()
    damage(entry.path / "1.txt")
    wanted = [tmp_path / "wanted" / name for name in ("x.txt", "y.txt")]
    assert not CacheEntry(tmp_path / "cache", {"stage": "x"}, wanted).recall()
    assert not files(tmp_path / "wanted")
    assert not entry.path.exists()


def test_a_full_disk_is_no_fault_of_the_entry(tmp_path, monkeypatch):
    made = tmp_path / "x.txt"
    made.write_text("x")
    entry = CacheEntry(tmp_path / "cache", {"stage": "x"}, [made])
    entry.keep()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dfnas.runtime.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        entry.recall()
    assert entry.path.is_dir()


def test_an_entry_can_be_deleted_at_any_time(teacher, cache, capsys):
    shutil.rmtree(cache)
    assert run("pretrain_teacher", *teacher.pretrain_teacher()) == 0
    assert len(entries(cache)) == 1
