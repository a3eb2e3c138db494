"""candidates.csv: the architectures that a search has judged, in that order; the header alone if none was."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from pydantic import AllowInfNan

from dfnas.artifacts.lines import Line
from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import read_csv
from dfnas.spaces.candidate import Candidate, from_text, to_text
from dfnas.spaces.space import Space


class CandidateLine(Line):
    """A candidate, see `Candidate`."""

    architecture: str
    """See `to_text`."""
    top1_error: float | None = None
    top5_error: float | None = None
    """Empty where no image was shown to it."""
    macs_m: float
    generation: int
    loss: float | None = None
    """Empty where the search does not judge by it."""


class ScoredCandidateLine(CandidateLine):
    """A candidate that was ranked by training-free scores, alone or together with what the search says of it."""

    proxy_score: Annotated[float, AllowInfNan(True)]
    """The more the better."""
    strength: float | None = None
    """Σ log p over its options; empty but for DARTS and ProxylessNAS."""


def write_candidates(path: Path, space: Space, candidates: Iterable[Candidate]) -> None:
    """Writes one line for each candidate."""
    judged = list(candidates)
    form: type[CandidateLine] = ScoredCandidateLine if judged and judged[0].proxy_score is not None else CandidateLine
    form.write(path, (form(**{**asdict(one), "architecture": to_text(space, one.architecture)}) for one in judged))


def read_candidates(path: Path, space: Space) -> list[Candidate]:
    """Reads what `write_candidates` wrote. Raises InputError, see `Line.read`, also where an architecture is not of
    the space."""
    candidates = []
    ranked = any("proxy_score" in row or row.get("top1_error") == "" for row in read_csv(path))
    form: type[CandidateLine] = ScoredCandidateLine if ranked else CandidateLine
    for number, line in enumerate(form.read(path), 1):
        try:
            architecture = from_text(space, line.architecture)
        except InputError as error:
            raise InputError(f"{path}, row {number}: {error}; {rebuild(path)}") from error
        candidates.append(Candidate(**{**dict(line), "architecture": architecture}))
    return candidates
