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
    shares: tuple[float, ...]
    """Of each generation that is there, the first one first; of 1."""
    doubt: str | None
    """What looks wrong with the last of them."""


def agreements(results: Path) -> list[Agreement]:
    """Those of all data sets in a folder of results. A report that is being written counts as none."""
    found = []
    for folder in sorted(path for path in (results / "labels").glob("*") if path.is_dir()):
        reports = {int(match[1]): path for path in folder.glob("*.json") if (match := REPORT.fullmatch(path.name))}
        said = []
        for number in sorted(reports):
            try:
                said.append(Calibration.read(reports[number]))
            except InputError:
                continue
        if said:
            found.append(Agreement(folder.name, tuple(one.agreement for one in said), said[-1].doubt))
    return found
