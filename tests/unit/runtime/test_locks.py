"""Locks between processes, and file systems that have none: nothing takes their place."""

import errno
import fcntl
import multiprocessing
import os
import signal
import time
from contextlib import ExitStack

import pytest

from dfnas.runtime import device, locks
from dfnas.runtime.errors import InputError
from dfnas.runtime.locks import Lock

REFUSALS = [errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL, errno.EPERM, errno.EACCES]
"""As Lustre without `-o flock`, FUSE, NFS without lockd, 9p, SMB and sandboxes answer."""


@pytest.fixture
def refuse(monkeypatch):
    """Lets every `flock` of this process fail, or every one on some files."""

    def with_number(number: int, refused=lambda file: True) -> None:
        real = fcntl.flock

        def flock(file, operation):
            if refused(file):
                raise OSError(number, os.strerror(number))
            real(file, operation)

        monkeypatch.setattr(fcntl, "flock", flock)

    return with_number


def keep(path, ready) -> None:
    with ExitStack() as held:
        assert Lock(path).take(held)
        ready.set()
        signal.pause()


def test_one_at_a_time_and_both_again_afterwards(tmp_path):
    lock = Lock(tmp_path / "a.lock")
    with ExitStack() as one, ExitStack() as other:
        assert lock.take(one)
        assert lock.is_held()
        assert not lock.take(other)
        one.close()
        assert not lock.is_held()
        assert lock.take(other)


def test_those_who_share_it_keep_away_who_wants_it_alone(tmp_path):
    lock = Lock(tmp_path / "a.lock")
    with ExitStack() as one, ExitStack() as two, ExitStack() as alone:
        assert lock.take(one, shared=True)
        assert lock.take(two, shared=True)
        assert lock.is_held(shared=True) is True
        assert lock.is_held() is False
        one.close()
        assert not lock.take(alone)
        two.close()
        assert lock.take(alone)


def test_who_asks_for_sharers_is_none_of_them(tmp_path, monkeypatch):
    """Another process that asks has the lock for a moment only."""
    lock, asking = Lock(tmp_path / "a.lock"), ExitStack()
    assert lock.take(asking)
    monkeypatch.setattr(time, "sleep", lambda seconds: asking.close())
    assert lock.is_held(shared=True) is False


def test_a_killed_process_lets_go_of_it(tmp_path):
    context = multiprocessing.get_context("fork")
    ready, lock = context.Event(), Lock(tmp_path / "a.lock")
    process = context.Process(target=keep, args=(lock.path, ready))
    process.start()
    assert ready.wait(60)
    with ExitStack() as held:
        assert not lock.take(held)
        process.kill()
        process.join(60)
        lock.wait(held)


def test_a_child_that_lives_on_does_not_keep_it(tmp_path):
    """It has the open file too, as the workers of a loader of data have."""
    lock = Lock(tmp_path / "a.lock")
    with ExitStack() as held:
        lock.take(held)
        child = multiprocessing.get_context("fork").Process(target=signal.pause)
        child.start()
    try:
        with ExitStack() as held:
            assert lock.take(held)
    finally:
        child.kill()
        child.join(60)


@pytest.mark.parametrize("number", REFUSALS, ids=errno.errorcode.get)
@pytest.mark.parametrize("shared", [False, True])
def test_a_file_system_without_locks_is_one_line(tmp_path, refuse, number, shared):
    """EACCES too, which some file systems say where another process has the lock: here nobody has it."""
    refuse(number)
    with ExitStack() as held, pytest.raises(InputError) as caught:
        Lock(tmp_path / "a.lock").take(held, shared)
    for part in (f"{tmp_path} is on a file system without locks", os.strerror(number), "-o flock", "results_dir"):
        assert part in str(caught.value)
    assert Lock(tmp_path / "a.lock").is_held(shared) is None


def test_nothing_is_left_that_could_pass_for_a_lock(tmp_path, refuse, monkeypatch):
    """Once the file system has been mounted with locks, whoever comes first gets it."""
    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", fcntl.flock)
        refuse(errno.ENOSYS)
        with ExitStack() as held, pytest.raises(InputError):
            Lock(tmp_path / "a.lock").take(held)
    monkeypatch.undo()
    with ExitStack() as held:
        assert Lock(tmp_path / "a.lock").take(held)


def test_access_denied_where_another_process_has_the_lock(tmp_path, refuse):
    """As SMB says it: other files can be locked."""
    lock = Lock(tmp_path / "a.lock")
    lock.path.touch()
    inode = lock.path.stat().st_ino
    refuse(errno.EACCES, lambda file: os.fstat(file if isinstance(file, int) else file.fileno()).st_ino == inode)
    with ExitStack() as held:
        assert not lock.take(held)
    assert lock.is_held()


def test_a_lock_that_fails_where_others_do_not(tmp_path, refuse):
    lock = Lock(tmp_path / "a.lock")
    refuse(errno.EIO, lambda file: isinstance(file, int))
    with ExitStack() as held, pytest.raises(InputError, match=r"a\.lock cannot be locked: Input/output error; try"):
        lock.take(held)


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG, errno.EACCES])
def test_a_lock_whose_file_cannot_be_made_names_it(tmp_path, monkeypatch, number):
    def refused(path, *_):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(locks.os, "open", refused)
    with ExitStack() as held, pytest.raises(OSError, match=r"a\.lock") as caught:
        Lock(tmp_path / "a.lock").take(held)
    assert caught.value.errno == number


def test_the_lock_of_another_user_names_him(tmp_path, monkeypatch):
    lock = Lock(tmp_path / "a.lock")
    lock.path.touch()

    def refused(path, *_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(locks.os, "open", refused)
    with ExitStack() as held, pytest.raises(InputError) as caught:
        lock.take(held)
    for part in (str(lock.path), f"another user ({lock.path.owner()})", "umask 002", "chmod g+w", "results_dir"):
        assert part in str(caught.value)


@pytest.mark.parametrize("umask", [0o022, 0o002])
def test_who_shares_results_with_a_group_shares_their_locks(tmp_path, umask):
    before = os.umask(umask)
    try:
        with ExitStack() as held:
            Lock(tmp_path / "a.lock").take(held)
    finally:
        os.umask(before)
    assert (tmp_path / "a.lock").stat().st_mode & 0o777 == 0o666 & ~umask


def test_gpus_of_a_host_without_locks(tmp_path, refuse, monkeypatch):
    monkeypatch.setattr(device, "LOCKS", tmp_path)
    refuse(errno.ENOLCK)
    with ExitStack() as held, pytest.raises(InputError, match=r"two jobs could take one GPU.* as device: cuda:0"):
        device.host_lock("gpu-0").take(held)


def test_a_host_whose_folder_of_locks_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(device, "LOCKS", tmp_path / "file")
    with pytest.raises(InputError, match=r"where GPUs are locked, cannot be made: Not a directory; .*device: cuda:0"):
        device.host_lock("gpu-0")
