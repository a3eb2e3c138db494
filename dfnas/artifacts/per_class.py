"""per_class.csv: the accuracy of every class, for each row of Table 1."""

from typing import Annotated

from pydantic import Field

from dfnas.artifacts.lines import decimals
from dfnas.artifacts.table1 import Percent, TableRow


class ClassAccuracy(TableRow):
    """Of a row and a class, over the seeds."""

    label: Annotated[str, Field(alias="class")]
    accuracy_mean: Percent
    accuracy_std: Annotated[float | None, decimals(3)] = None
    points_from_teacher: Annotated[float | None, decimals(3)] = None
    """Below 0 for a loss; empty for the teacher itself."""
