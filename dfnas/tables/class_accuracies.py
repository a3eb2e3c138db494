"""The accuracy of every class, for each row of Table 1: means over the seeds, and what is lost against the teacher."""

import statistics
from collections.abc import Iterator, Mapping

from dfnas.artifacts.identity import TEACHER
from dfnas.artifacts.per_class import ClassAccuracy
from dfnas.artifacts.table1 import RowKey, TableRow
from dfnas.runtime.errors import InputError
from dfnas.tables.rows import Networks


def class_accuracies(groups: Mapping[RowKey, Networks]) -> Iterator[ClassAccuracy]:
    """A line for each row and class, accuracies in percent.

    Args:
        groups: networks by row, the teacher among them.

    Raises:
        InputError: networks of other classes stand in one table.
    """
    classes = {len(one.class_accuracy) for networks in groups.values() for one in networks}
    if len(classes) > 1:
        raise InputError(
            f"networks of {sorted(classes)} classes stand in one table; delete their figures to rebuild them"
        )
    shares = {key: [[100 * share for share in one.class_accuracy] for one in row] for key, row in groups.items()}
    columns = {key: list(zip(*row, strict=True)) for key, row in shares.items()}  # by class, over the seeds
    means = {key: [statistics.fmean(column) for column in each] for key, each in columns.items()}
    teacher = next((values for key, values in means.items() if key[0] == TEACHER), None)
    for key, each in columns.items():
        for label, (values, mean) in enumerate(zip(each, means[key], strict=True)):
            yield ClassAccuracy(
                **dict(zip(TableRow.model_fields, key, strict=True)),
                label=str(label),
                accuracy_mean=mean,
                accuracy_std=statistics.stdev(values) if len(values) > 1 else None,
                points_from_teacher=mean - teacher[label] if teacher and key[0] != TEACHER else None,
            )
