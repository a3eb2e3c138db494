"""The accuracy of every class, for each row of Table 1: means over the seeds, and what is lost against the teacher."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import write_csv
from dfnas.stages.rows import KEYS, Runs
from dfnas.stages.runs import TEACHER

FIGURE = "class_accuracy"
COLUMNS = (*KEYS, "class", "accuracy_mean", "accuracy_std", "points_from_teacher")


def write_class_accuracies(path: Path, groups: Mapping[tuple[str, ...], Runs]) -> None:
    """Writes a line for each row and class, accuracies in percent. Raises InputError unless all know the same classes.

    Args:
        groups: figures of networks by row, see `dfnas.stages.rows.by_row`, those of the teacher among them.
    """
    classes = {len(run[FIGURE]) for runs in groups.values() for run in runs}
    if len(classes) > 1:
        raise InputError(
            f"networks of {sorted(classes)} classes stand in one table; delete their figures to rebuild them"
        )
    means = {key: [statistics.fmean(column) for column in _columns(runs)] for key, runs in groups.items()}
    teacher = next((values for key, values in means.items() if key[0] == TEACHER), None)
    write_csv(path, COLUMNS, (line for key, runs in groups.items() for line in _lines(key, runs, means[key], teacher)))


def _columns(runs: Runs) -> list[tuple[float, ...]]:
    """Of each class, the accuracies in percent over the seeds."""
    return list(zip(*([100 * share for share in run[FIGURE]] for run in runs), strict=True))


def _lines(
    key: tuple[str, ...], runs: Runs, means: Sequence[float], teacher: Sequence[float] | None
) -> Iterator[dict[str, Any]]:
    for label, (values, mean) in enumerate(zip(_columns(runs), means, strict=True)):
        yield dict(zip(KEYS, key, strict=True)) | {
            "class": label,
            "accuracy_mean": f"{mean:.3f}",
            "accuracy_std": f"{statistics.stdev(values):.3f}" if len(values) > 1 else "",
            "points_from_teacher": f"{mean - teacher[label]:.3f}" if teacher and key[0] != TEACHER else "",
        }
