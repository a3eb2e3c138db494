"""table1.csv: what two runs on one type of machine agree on to the byte, a line for each row of Table 1."""

from typing import Annotated

from dfnas.artifacts.lines import Line, decimals

Percent = Annotated[float, decimals(3)]
Millions = Annotated[float, decimals(6)]

RowKey = tuple[str, str, str, str]
"""Algorithm, space, search data and retrain data."""


class TableRow(Line):
    """What a row is of: all networks of one algorithm, space, search data and retrain data."""

    algorithm: str
    space: str
    search_data: str
    retrain_data: str

    @property
    def key(self) -> RowKey:
        return (self.algorithm, self.space, self.search_data, self.retrain_data)


class Table1Row(TableRow):
    """Means over the seeds; the standard deviation is empty for one seed."""

    seeds: int | None = None
    """None for the teacher."""
    top1_error_mean: Annotated[float | None, decimals(3)] = None
    """Empty, as other figures by labels are, where there are no original images to test by."""
    top1_error_std: Annotated[float | None, decimals(3)] = None
    top5_error_mean: Annotated[float | None, decimals(3)] = None
    ece_mean: Annotated[float | None, decimals(3)] = None
    ece_scaled_mean: Annotated[float | None, decimals(3)] = None
    """Empty where no temperature was fitted."""
    teacher_agreement_mean: Percent
    params_m: Millions
    macs_m: Millions
    architecture: str
    """That of the seed with the lowest error on the validation images."""
