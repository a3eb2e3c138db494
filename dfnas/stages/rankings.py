"""What supernets said of architectures, as `rank_architectures` left it, beside what a table says of them."""

from pathlib import Path

from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.measure.rank_correlation import SCORES, Ranked
from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import read_csv


def read_rankings(paths: list[Path], table: AccuracyTable) -> dict[str, list[Ranked]]:
    """The supernets' scores by the data that was searched on, each in the order of the files.

    Raises:
        InputError: a file is absent or no ranking, or has an architecture that the table has not.
    """
    rankings: dict[str, list[Ranked]] = {}
    for path in paths:
        rows = read_csv(path)
        try:
            scores = {score: [float(row[score]) for row in rows] for score in SCORES}
            data, seed, cells = rows[0]["search_data"], int(rows[0]["seed"]), [row["architecture"] for row in rows]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"{path} is not a ranking of architectures; {rebuild(path)}") from error
        ranked = Ranked(seed, scores, [table.standing(cell).accuracy for cell in cells])
        rankings.setdefault(data, []).append(ranked)
    return rankings
