"""What tells a network of the tables from all others."""

from typing import NamedTuple

from dfnas.artifacts.document import Part, Whole

TEACHER = "teacher"
"""The algorithm, so to say, of the teacher."""


class Identity(NamedTuple):
    """Of a trained network; the teacher has the first alone."""

    algorithm: str
    search_data: str = ""
    retrain_data: str = ""
    seed: int | None = None


class OfNetwork(Part):
    """An object in a file that says which trained network it is of."""

    algorithm: str
    search_data: str
    retrain_data: str
    seed: Whole

    @property
    def identity(self) -> Identity:
        return Identity(self.algorithm, self.search_data, self.retrain_data, self.seed)
