"""What the doctor says: one line for each thing that it has looked at."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "warning", "failure"]


@dataclass(frozen=True)
class Finding:
    """One line: how it is, of what, and where it is not well, what to do."""

    level: Level
    subject: str
    story: str

    def plain(self) -> dict[str, str]:
        return asdict(self)


def ok(subject: str, story: str) -> Finding:
    """Nothing to do."""
    return Finding("ok", subject, _line(story))


def warning(subject: str, story: str) -> Finding:
    """It runs, and something is to be known or mended."""
    return Finding("warning", subject, _line(story))


def failure(subject: str, story: str) -> Finding:
    """It cannot run."""
    return Finding("failure", subject, _line(story))


def fails(findings: Iterable[Finding]) -> bool:
    """Whether anything cannot run."""
    return any(finding.level == "failure" for finding in findings)


def _line(story: str) -> str:
    return " ".join(story.split())
