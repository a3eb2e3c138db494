"""How far a job is, by the log of its stage: long loops leave a line there every few seconds, see
`dfnas.runtime.progress`."""

import re
from dataclasses import dataclass
from pathlib import Path

TAIL_BYTES = 4096
CLOCKS_APART_S = 2.0
"""By which the clock of a file server may be late."""
LINE = re.compile(
    r"^(?P<what>[^\n]*?): +\d+% (?P<done>\d+)/(?P<total>\d+) "
    r"\[(?P<elapsed>[\d:?]+)<(?P<left>[\d:?]+), *(?P<rate>[\d.?]+)(?P<unit>it/s|s/it)\]$",
    re.MULTILINE,
)
RESUMED = re.compile(r"^(?P<what>[^\n]*?): goes on after step (?P<done>\d+) of (?P<total>\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Steps:
    """Of the loop that a job is in."""

    what: str
    done: int
    total: int
    per_second: float | None
    left_s: float | None
    """Seconds to its end from when it was said; with those of `age_s` still in it."""
    age_s: float = 0.0
    """Since it was said."""

    @property
    def left_now_s(self) -> float | None:
        """Seconds to its end from now on."""
        return None if self.left_s is None else max(0.0, self.left_s - self.age_s)


def steps_in(text: str, age_s: float = 0.0) -> Steps | None:
    """What the last line about steps says, in the end of a log."""
    found = [*LINE.finditer(text), *RESUMED.finditer(text)]
    if not found:
        return None
    last = max(found, key=re.Match.start)
    said = last.groupdict()
    rate = _number(said.get("rate"))
    if rate and said["unit"] == "s/it":
        rate = 1 / rate
    return Steps(
        said["what"].strip(), int(said["done"]), int(said["total"]), rate or None, _seconds(said.get("left")), age_s
    )


def steps_of(log: Path, begun: float, now: float) -> Steps | None:
    """How far the job is that writes a log; None where that is not known.

    Args:
        begun: when the job was begun. A log that was not written since is another's.
    """
    written = written_at(log)
    if written is None or written < begun - CLOCKS_APART_S:
        return None
    return steps_in(_end(log), max(0.0, now - written))


def written_at(log: Path) -> float | None:
    """When a log was last written to; None without one."""
    try:
        return log.stat().st_mtime
    except OSError:
        return None


def last_lines(log: Path, count: int) -> list[str]:
    """The last lines of a log that say something."""
    return [line for line in _end(log).splitlines() if line.strip()][-count:]


def _end(log: Path) -> str:
    """The end of a log; nothing where it cannot be read."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _number(text: str | None) -> float | None:
    return float(text) if text and "?" not in text else None


def _seconds(text: str | None) -> float | None:
    """Of h:mm:ss or mm:ss."""
    if not text or "?" in text:
        return None
    seconds = 0
    for part in text.split(":"):
        seconds = 60 * seconds + int(part)
    return float(seconds)
