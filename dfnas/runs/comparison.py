"""What differs between two runs, gathered."""

from typing import Any, NamedTuple

from dfnas.runs.contents import contents_of
from dfnas.runs.figures import architectures_of, costs_of, lookups_of, networks_of, quality_of, rows_of
from dfnas.runs.folder import RunFolder
from dfnas.runs.origins import machine_of, origins_of, record_of, settings_of
from dfnas.runs.rows import RowDifference, row_differences
from dfnas.runs.sheets import Differences, differences


class Comparison(NamedTuple):
    """Two runs against each other. What a clock or a machine says, `machine` and `costs`, makes no runs different."""

    names: tuple[str, str]
    settings: Differences
    contents: Differences
    """Of the weights of networks that were given or trained first, and of the data sets."""
    architectures: Differences
    rows: list[RowDifference]
    """Of Table 1, where both have them."""
    figures: Differences
    """Table 1, cell by cell."""
    lookups: Differences
    quality: Differences
    machine: Differences
    costs: Differences

    @property
    def equal(self) -> bool:
        found = (self.settings, self.contents, self.architectures, self.rows, self.figures, self.lookups, self.quality)
        return not any(found)

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        parts = {
            name: [row.plain() for row in part] if name == "rows" else part.plain()
            for name, part in self._asdict().items()
            if name != "names"
        }
        return {"first": self.names[0], "second": self.names[1], "equal": self.equal, **parts}


def compare(first: RunFolder, second: RunFolder, draws: int) -> Comparison:
    """What differs between two runs.

    Args:
        draws: of the bootstrap.

    Raises:
        InputError: a file of a run is damaged.
    """
    runs = first, second
    origins = [origins_of(run) for run in runs]
    records = [record_of(run) for run in runs]
    networks = networks_of(first), networks_of(second)
    rows = rows_of(first, networks[0]), rows_of(second, networks[1])
    return Comparison(
        names=(str(first.path), str(second.path)),
        settings=differences(
            *(settings_of(o, record.configuration) for o, record in zip(origins, records, strict=True))
        ),
        contents=differences(*map(contents_of, runs)),
        architectures=differences(*map(architectures_of, runs)),
        rows=row_differences(rows, networks, draws),
        figures=differences(*rows),
        lookups=differences(*map(lookups_of, runs)),
        quality=differences(*map(quality_of, runs)),
        machine=differences(*(machine_of(o, record.packages) for o, record in zip(origins, records, strict=True))),
        costs=differences(*map(costs_of, runs)),
    )
