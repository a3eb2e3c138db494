"""Progress of long loops: a bar on a terminal, a plain line every few seconds in a log file."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
LINE_INTERVAL_S = 5.0


def progress(items: Iterable[T], description: str, total: int | None = None, start: int = 0) -> Iterator[T]:
    """Yields the items and reports rate and remaining time on standard error.

    Args:
        description: what is being done, in a few words.
        total: number of items in all, `start` included; taken from `len(items)` if omitted.
        start: items that an earlier, interrupted run had done already.
    """
    if total is None:
        total = start + len(items)  # type: ignore[arg-type]  # a caller without a total gives a list
    on_terminal = sys.stderr.isatty()
    if start:
        print(f"{description}: goes on after step {start} of {total}", file=sys.stderr, flush=True)
    bar = tqdm(desc=description, total=total, initial=start, disable=not on_terminal, dynamic_ncols=True)
    begun = reported = time.monotonic()
    with bar:
        for done, item in enumerate(items, start + 1):
            yield item
            bar.update()
            now = time.monotonic()
            if not on_terminal and (now - reported >= LINE_INTERVAL_S or done == total):
                line = tqdm.format_meter(done, total, now - begun, prefix=description, initial=start, ncols=0)
                print(line, file=sys.stderr, flush=True)
                reported = now
