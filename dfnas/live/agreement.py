"""How well the synthetic images do so far: in how many of a generation the teacher sees the class that they were made
for. `calibrate_labels` says it when a generation is done."""

import re
from pathlib import Path
from typing import NamedTuple

from dfnas.artifacts.calibration import Calibration
from dfnas.runtime.errors import InputError

REPORT = re.compile(r"generation-(\d+)\.json")


class Agreement(NamedTuple):
    """Of a synthetic data set."""

    source: str
    first: int
    """The generation that the first share is of."""
    shares: tuple[float, ...]
    """Of each generation that is there, in order; of 1."""
    doubt: str | None
    """What looks wrong with the last of them."""


def agreements(results: Path, since: float = 0.0) -> list[Agreement]:
    """Those of all data sets in a folder of results. A report that is being written counts as none.

    Args:
        since: seconds since 1970; what was written before is of other images.
    """
    found = []
    for folder in sorted(path for path in (results / "labels").glob("*") if path.is_dir()):
        reports = {int(match[1]): path for path in folder.glob("*.json") if (match := REPORT.fullmatch(path.name))}
        said = []
        for number in sorted(reports):
            try:
                if reports[number].stat().st_mtime >= since:
                    said.append(Calibration.read(reports[number]))
            except (InputError, OSError):  # a job makes it anew
                continue
        if said:
            shares = tuple(one.agreement for one in said)
            found.append(Agreement(folder.name, said[0].generation, shares, said[-1].doubt))
    return found
