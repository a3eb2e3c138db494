"""Normalisation of pixels in [0, 1], as sections of the configuration give it: a mean and a deviation per channel."""

from typing import Annotated

from pydantic import AfterValidator, Field

from dfnas.settings.base import Number

LEAST_STD = 1 / 65535
"""A network that takes 16-bit levels divides by this."""
REMEDY = "of pixels in [0, 1], expected"
OF_LEVELS = "divide what was measured on 0 ... 255 by 255"


def _mean(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"no mean {REMEDY} a number from 0 to 1{f'; {OF_LEVELS}' if value > 1 else ''}")
    return value


def _std(value: float) -> float:
    if value > 1:
        raise ValueError(f"no standard deviation {REMEDY} a number above 0, at most 1; {OF_LEVELS}")
    if value < LEAST_STD:
        raise ValueError(
            f"no standard deviation {REMEDY} a number above 0, at most 1: 1 where nothing is divided by, 1/255 for a "
            "network that takes 0 ... 255"
        )
    return value


Means = tuple[Annotated[Number, AfterValidator(_mean), Field(json_schema_extra={"minimum": 0, "maximum": 1})], ...]
"""Per channel, subtracted from pixels in [0, 1]."""
Deviations = tuple[
    Annotated[Number, AfterValidator(_std), Field(json_schema_extra={"minimum": LEAST_STD, "maximum": 1})], ...
]
"""Per channel, then divided by. Networks of other scales are all among these: [-1, 1] is mean 0.5 and deviation 0.5,
0 ... 255 is 0 and 1/255, and Caffe's are their means by 255 and 1/255."""
