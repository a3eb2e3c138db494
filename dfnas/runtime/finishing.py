"""Work in steps, done from the first to the last in one go: for scripts, which keep no checkpoints."""

from typing import TypeVar

from dfnas.runtime.resumable import Resumable

Work = TypeVar("Work", bound=Resumable)


def finished(work: Work) -> Work:
    """The same work after all of its steps. A search that stops early lowers `steps` while it runs."""
    index = 0
    while index < work.steps:
        work.step(index)
        index += 1
    return work
