"""Checkpoints at the moment they are saved, and by whom: polling would miss most of what a short loop saves."""

import ctypes
import os
import re
import struct
from pathlib import Path

MOVED_FROM, MOVED_TO = 0x40, 0x80
"""inotify: a name in the folder became another, as a file written aside becomes the checkpoint. Of the two events only
the first counts; without the second between them, the system would make one of those of two saves."""
HEADER = struct.Struct("iIII")
WRITTEN_ASIDE = re.compile(r"\.([0-9a-f]+\.pt)\.(\d+)\.tmp")


class Saves:
    """What is saved in a folder from now on. Parts of a checkpoint, whose names have a number in them, do not count."""

    def __init__(self, folder: Path):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        system = ctypes.CDLL(None, use_errno=True)
        self._descriptor = system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        moves = MOVED_FROM | MOVED_TO
        if self._descriptor < 0 or system.inotify_add_watch(self._descriptor, os.fsencode(folder), moves) < 0:
            raise OSError(ctypes.get_errno(), f"inotify: {os.strerror(ctypes.get_errno())}")

    def fileno(self) -> int:
        """For `select`."""
        return self._descriptor

    def new(self) -> list[tuple[int, Path]]:
        """The process and the checkpoint of each save since the last call."""
        found = []
        while events := self._read():
            while events:
                *_, length = HEADER.unpack_from(events)
                name, events = events[HEADER.size : HEADER.size + length], events[HEADER.size + length :]
                if aside := WRITTEN_ASIDE.fullmatch(name.rstrip(b"\0").decode()):
                    found.append((int(aside[2]), self._folder / aside[1]))
        return found

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, 1 << 16)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        os.close(self._descriptor)
