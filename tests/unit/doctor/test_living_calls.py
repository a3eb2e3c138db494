"""Calls of Snakemake in one folder: which are alive, and when its lock may be taken away."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dfnas.doctor import calls
from dfnas.doctor.calls import advice, announce, is_alive
from dfnas.runtime.errors import InputError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
CALL = """
import sys
from pathlib import Path
from dfnas.doctor.calls import announce
print(announce(Path(sys.argv[1]), unlocks=False), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def call(tmp_path) -> Iterator:
    """Starts calls in a folder that plan until they are killed, and gives what each has to say before."""
    processes = []

    def start() -> tuple[subprocess.Popen, str]:
        line = [sys.executable, "-c", CALL, str(tmp_path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        processes.append(subprocess.Popen(line, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, **pipes))
        return processes[-1], processes[-1].stdout.readline().strip()

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def lock_as_snakemake_does(folder: Path) -> None:
    (folder / ".snakemake" / "locks").mkdir(parents=True, exist_ok=True)
    (folder / ".snakemake" / "locks" / "0.output.lock").write_text("results/table1.csv\n")


def test_nobody_is_there(tmp_path):
    assert not is_alive(tmp_path)
    assert advice(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_call_that_plans_is_let_be(tmp_path, call):
    """With Snakemake's lock or still without: no job runs yet."""
    process, told = call()
    assert told == ""
    for _ in range(2):
        assert is_alive(tmp_path)
        assert "another call of Snakemake works or plans" in advice(tmp_path)
        assert "then the same call again" not in advice(tmp_path)
        lock_as_snakemake_does(tmp_path)
    _, told = call()
    assert "another call of Snakemake works or plans" in told
    process.kill()
    process.wait()
    assert is_alive(tmp_path), "the second is"


def test_a_killed_call_has_left_its_lock(tmp_path, call):
    process, _ = call()
    lock_as_snakemake_does(tmp_path)
    process.kill()
    process.wait()
    assert not is_alive(tmp_path)
    assert "it was killed; snakemake --unlock, then the same call again" in advice(tmp_path)
    assert advice(tmp_path) == call()[1]


def test_the_lock_of_a_living_call_is_not_taken_away(tmp_path, call):
    process, _ = call()
    lock_as_snakemake_does(tmp_path)
    with pytest.raises(InputError, match="two calls would write the same files"):
        announce(tmp_path, unlocks=True)
    process.kill()
    process.wait()
    assert announce(tmp_path, unlocks=True) == ""


def test_without_locks_nobody_is_known_of_and_nothing_fails(tmp_path, monkeypatch):
    def refused(file, operation):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", refused)
    assert announce(tmp_path, unlocks=False) == ""
    calls._held.clear()  # as in another process
    assert is_alive(tmp_path) is None
    lock_as_snakemake_does(tmp_path)
    for told in (advice(tmp_path), announce(tmp_path, unlocks=True), announce(tmp_path, unlocks=False)):
        assert "it cannot be told whether a call is alive" in told
        assert "killed" not in told


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_another_users_call_that_cannot_be_seen_is_not_called_dead(tmp_path):
    lock_as_snakemake_does(tmp_path)
    (tmp_path / ".snakemake" / "dfnas.lock").touch(mode=0o000)
    assert is_alive(tmp_path) is None
    assert "it cannot be told whether a call is alive" in advice(tmp_path)


def test_another_users_call_is_seen_without_writing(tmp_path, call, monkeypatch):
    call()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert is_alive(tmp_path) is True
