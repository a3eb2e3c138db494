"""Locks between processes: `flock` on a file. The kernel releases them however their process ends.

Every lock of dfnas is taken here. Where a file system has no locks there is no substitute: a file that stands for a
lock outlives its process, so that others wait for the dead, and two nodes may see it at different times and write one
file. (So no library is used that falls back to such files.)
"""

import errno
import fcntl
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from dfnas.runtime.errors import InputError

PAUSE_S = 0.1
"""Between two attempts: servers of network file systems do not reliably wake up who waits."""
ATTEMPTS = 3
"""To have a lock for a moment, before it counts as held by those who share it: others who ask do the same."""


@dataclass(frozen=True)
class Lock:
    """A lock by the name of a file, which is made where it is missing and stays when the lock is released.

    Attributes:
        path: the file. Its folder must exist.
        danger: what could happen without locks, for a message.
        remedy: what else to do where there are none, for a message.
    """

    path: Path
    danger: str = "two jobs could write one file"
    remedy: str = "choose another results_dir"

    def take(self, held: ExitStack, shared: bool = False) -> bool:
        """Takes the lock unless another process has it, and says whether it did. It is kept until `held` is closed.

        Args:
            shared: let others share it, who ask for that too. All of them keep away who wants it alone.

        Raises:
            InputError: the file system has no locks, or the file belongs to somebody who lets nobody else write to it.
            OSError: the file cannot be made: no permission, no room, a read-only file system.
        """
        with ExitStack() as opened:
            descriptor = self._opened()
            opened.callback(os.close, descriptor)
            if not self._locked(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
                return False
            opened.pop_all()
        held.callback(_release, descriptor)
        return True

    def wait(self, held: ExitStack, shared: bool = False) -> None:
        """Takes the lock, however long another process keeps it. See `take`."""
        while not self.take(held, shared):
            time.sleep(PAUSE_S)

    def is_held(self, shared: bool = False) -> bool | None:
        """Whether a process has it, alone; None where that cannot be told: on a file system without locks, or of a file
        that this user may not read. Makes no file.

        Args:
            shared: count those who share it, too. Who asks for them keeps others away for a moment, so that a lock is
                held only if it still is after a while.
        """
        try:
            writes = shared and os.access(self.path, os.W_OK)  # without which NFS locks nothing exclusively
            descriptor = os.open(self.path, os.O_RDWR if writes else os.O_RDONLY)
        except FileNotFoundError:
            return False
        except OSError:
            return None
        try:
            for _ in range(ATTEMPTS if shared else 1):
                if self._locked(descriptor, fcntl.LOCK_EX if shared else fcntl.LOCK_SH):
                    return False
                time.sleep(PAUSE_S if shared else 0)
            return True
        except (InputError, OSError):
            return None
        finally:
            os.close(descriptor)

    def check(self) -> None:
        """Raises InputError where files beside this one cannot be locked; OSError where none can be made."""
        with TemporaryFile(dir=self.path.parent) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InputError(
                    f"{self.path.parent} is on a file system without locks (flock: {error.strerror}), so that "
                    f"{self.danger}; have it mounted with them (Lustre: -o flock), or {self.remedy}"
                ) from error

    def _opened(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        except PermissionError as error:
            if not self.path.exists():
                raise
            raise InputError(
                f"{self.path} belongs to another user ({_owner(self.path)}), and you may not write to it: work in a "
                f"group with umask 002 and have them run chmod g+w on it, or {self.remedy}"
            ) from error

    def _locked(self, descriptor: int, kind: int) -> bool:
        """Whether the lock was free, and is now this process's."""
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            self.check()  # can anything be locked here?
            if error.errno == errno.EACCES:  # as an SMB server says that somebody has it
                return False
            raise InputError(f"{self.path} cannot be locked: {error.strerror}; try again, or {self.remedy}") from error
        return True


def _release(descriptor: int) -> None:
    # Not only closed: a process that was forked meanwhile has the descriptor too, and would keep the lock.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:  # of a user that this host does not know
        return str(path.stat().st_uid)
