"""The journal of a call: what happens to its jobs, written down as it happens, in `.dfnas/calls` of the results.

Every call that runs jobs leaves one, whoever calls and whatever is shown meanwhile. It is a log handler that the
Snakefile adds to Snakemake's own: a line of some hundred bytes when a job begins and when it ends, and nothing between.
No rule reads it. The call holds a lock on it until its process ends, so that others can tell whether it is alive.
"""

import logging
import os
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from dfnas.live.events import Event, events_of
from dfnas.runtime.errors import InputError
from dfnas.runtime.locks import Lock

CALLS = ".dfnas/calls"
"""The folder of journals, in a folder of results. Names of files sort by the beginning of the call."""


class Journal(logging.Handler):
    """Writes the journal of this process's call, from `begin` on; until then it remembers what is said.

    Args:
        results: the folder of results.
    """

    def __init__(self, results: str | Path):
        super().__init__()
        self.results = Path(results)
        self.path: Path | None = None
        """None before jobs run, and where nothing can be written."""
        self.succeeded = False
        """To be set where all has gone well, before the end."""
        self._waiting: list[Event] = []
        self._file: IO[str] | None = None
        self._held = ExitStack()

    def begin(self, command: Sequence[str], logs: Sequence[str]) -> None:
        """Opens the file, since jobs are about to run. A run goes on without one where that cannot be.

        Args:
            command: what was called.
            logs: Snakemake's own.
        """
        now, host = time.time(), socket.gethostname()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        path = self.results / CALLS / f"{stamp}-{host}-{os.getpid()}.jsonl"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a", buffering=1, encoding="utf-8")  # noqa: SIM115 -- until the process ends
            self._held.callback(self._file.close)
            self.path = path
            self._write(Event(at=now, kind="call", command=tuple(command), host=host, log="".join(logs[:1])))
            for event in self._waiting:
                self._write(event)
            Lock(path).wait(self._held)  # whoever asks for it has it for a moment
        except InputError:  # no locks here: it can be read all the same
            pass
        except OSError as error:
            print(f"{path} cannot be written: {error.strerror or error}", file=sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes down what a record says of jobs."""
        try:
            for event in events_of(record):
                if self._file is None:
                    self._waiting.append(event)
                else:
                    self._write(event)
        except Exception:  # whatever it is, the run is worth more than its journal
            self.handleError(record)

    def close(self) -> None:
        """Writes down that the call has ended, and how."""
        if self._file is not None:
            self._write(Event(at=time.time(), kind="ended", succeeded=self.succeeded))
        self._file = None
        self._held.close()
        super().close()

    def _write(self, event: Event) -> None:
        assert self._file is not None
        try:
            self._file.write(event.line())
        except OSError as error:  # a full disk: jobs will say so, too
            print(f"{self.path} cannot be written: {error.strerror or error}", file=sys.stderr)


_current: list[Journal] = []


def attach(journal: Journal, logger: logging.Logger) -> Journal:
    """Adds a journal to a logger, as that of this process; another one of this process goes."""
    for before in _current:
        logger.removeHandler(before)
    _current[:] = [journal]
    logger.addHandler(journal)
    return journal


def current() -> Journal | None:
    """The journal of this process's call, if its Snakefile has been read."""
    return _current[-1] if _current else None


def journals(results: str | Path) -> list[Path]:
    """The journals in a folder of results, that of the last call last."""
    return sorted((Path(results) / CALLS).glob("*.jsonl"))


def is_alive(path: Path) -> bool | None:
    """Whether the call of a journal is alive; None where that cannot be told."""
    return Lock(path).is_held()
