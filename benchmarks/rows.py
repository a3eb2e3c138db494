"""The rows of a benchmark, one for each variant and seed, in a CSV that an interrupted run goes on with."""

import csv
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any


def add_rows(
    out: Path, columns: Sequence[str], rows: Iterable[str], seeds: Iterable[int], measure: Callable[[str, int], dict]
) -> None:
    """Measures what the file does not have, seed by seed, and writes each line when it is known.

    Args:
        columns: of the file; those that follow `row` and `seed` are what `measure` returns.
        measure: the other columns of a row and seed.
    """
    present: set[tuple[str, int]] = set()
    if out.exists():
        with out.open(newline="") as file:
            present = {(line["row"], int(line["seed"])) for line in csv.DictReader(file)}
    wanted = [(row, seed) for seed in seeds for row in rows if (row, seed) not in present]
    with out.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if not present:
            writer.writeheader()
        for row, seed in wanted:
            line: dict[str, Any] = {"row": row, "seed": seed, **measure(row, seed)}
            writer.writerow(line)
            file.flush()
            print(line, file=sys.stderr, flush=True)
