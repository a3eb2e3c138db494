"""What tells a network of the tables from all others."""

from typing import NamedTuple

TEACHER = "teacher"
"""The algorithm, so to say, of the teacher."""


class Identity(NamedTuple):
    """Of a trained network; the teacher has the first alone."""

    algorithm: str
    search_data: str = ""
    retrain_data: str = ""
    seed: int | None = None
