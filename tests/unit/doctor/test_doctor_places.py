"""Where results go: permission, room, locks and remains."""

import errno
import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from dfnas.doctor.places import check_disk, check_state, check_writable, size
from dfnas.runtime.locks import Lock


def test_a_folder_that_can_be_written_and_need_not_exist(tmp_path):
    assert check_writable(tmp_path / "results" / "mine").level == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "results").write_text("")
    finding = check_writable(tmp_path / "results" / "mine")
    assert (finding.level, "is not a folder" in finding.story) == ("failure", True)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no folder that nobody may write to")
def test_a_folder_that_may_not_be_written():
    """Not even by root."""
    finding = check_writable(Path("/proc/dfnas/results"))
    assert (finding.level, "set results_dir" in finding.story) == ("failure", True)


@pytest.mark.parametrize(
    ("needed", "free", "level"),
    [(5e9, 10**10, "ok"), (9.5e9, 10**10, "warning"), (2e10, 10**10, "failure"), (None, 10**8, "warning")],
)
def test_room_for_what_is_estimated(tmp_path, needed, free, level):
    assert check_disk(tmp_path, needed, free).level == level


def test_a_real_disk_has_no_room_for_too_much(tmp_path):
    assert check_disk(tmp_path / "results", 1e18).level == "failure"
    assert check_disk(tmp_path / "results", 1.0).level == "ok"


def test_nothing_is_left_over(tmp_path):
    assert [f.level for f in check_state(tmp_path / "results", tmp_path)] == ["ok"]


def test_a_job_at_work_and_one_that_is_not(tmp_path):
    state = tmp_path / "results" / ".dfnas"
    state.mkdir(parents=True)
    with ExitStack() as held:
        Lock(state / "a.lock").take(held)
        (finding,) = check_state(tmp_path / "results", tmp_path)
        assert (finding.level, "1 jobs are running" in finding.story) == ("warning", True)
    (state / "a.lock").touch()
    assert [f.level for f in check_state(tmp_path / "results", tmp_path)] == ["ok"]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.EACCES])
def test_a_place_without_locks(tmp_path, monkeypatch, number):
    """Where no file of a lock counts as held: nobody could hold it."""

    def refused(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)
    finding = check_writable(tmp_path / "results")
    assert (finding.level, f"{tmp_path} is on a file system without locks" in finding.story) == ("failure", True)
    state = tmp_path / "results" / ".dfnas"
    state.mkdir(parents=True)
    (state / "a.lock").touch()
    assert [f.level for f in check_state(tmp_path / "results", tmp_path)] == ["ok"]


def test_locks_of_another_user(tmp_path, monkeypatch):
    state = tmp_path / "results" / ".dfnas"
    state.mkdir(parents=True)
    (state / "a.lock").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (finding,) = check_state(tmp_path / "results", tmp_path)
    assert (finding.level, str(state / "a.lock") in finding.story) == ("failure", True)


def test_snakemakes_lock_without_a_call(tmp_path):
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").write_text("results/table1.csv\n")
    (finding,) = check_state(tmp_path / "results", tmp_path)
    assert (finding.level, "snakemake --unlock, then" in finding.story) == ("warning", True)


def test_interrupted_work_and_half_a_file(tmp_path):
    state = tmp_path / "results" / ".dfnas"
    state.mkdir(parents=True)
    (state / "0123.pt").write_bytes(b"0" * 2000)
    (tmp_path / "results" / ".table1.csv.77.tmp").write_text("half")
    findings = check_state(tmp_path / "results", tmp_path)
    assert [f.level for f in findings] == ["ok", "warning"]
    assert "1 files of interrupted work, 2 kB" in findings[0].story
    assert ".table1.csv.77.tmp" in findings[1].story


def test_sizes_in_words():
    assert [size(n) for n in (12, 2000, 3.456e6, 7e10, 2e12)] == ["12 bytes", "2 kB", "3.46 MB", "70 GB", "2 TB"]
