"""Settings of what is measured on finished networks."""

from typing import Annotated

from pydantic import Field

from dfnas.settings.base import Count, Integer, Positive, Seed, Settings


class EvaluateSettings(Settings):
    """Section `evaluate`: errors and calibration on the test split."""

    batch_size: Count = 256
    """Images per forward pass."""


class CompareDataSettings(Settings):
    """Section `compare_data`: whether a search on other data finds worse networks than one on original images."""

    draws: Annotated[Integer, Field(ge=100)] = 10_000
    """Of the bootstrap: the more, the less intervals and p depend on `seed`."""
    seed: Seed = 0
    """Seed of the draws."""


class MeasureLatencySettings(Settings):
    """Section `measure_latency`: time and memory of a forward pass on this machine: on its CPU and, where `device` is a
    GPU, on that."""

    batch_sizes: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 64)
    """Images per forward pass, each measured by itself."""
    repeats: Annotated[Integer, Field(ge=2)] = 30
    """Timed passes of each network, taken in turn so that drift of the machine hits all alike."""
    seconds: Positive = 10.0
    """For all networks together on one device and batch size: where they are slower, fewer passes are timed, down to
    three of each."""


class MeasureOptionsSettings(Settings):
    """Section `measure_options`: the latency table of a search space on this machine, for searches that limit
    milliseconds or learn with them."""

    batch_size: Count = 1
    """Images per forward pass; the table's milliseconds are those of a batch."""
    repeats: Annotated[Integer, Field(ge=2)] = 30
    """Timed rounds; an option's time is the median."""
    networks: Annotated[Integer, Field(ge=2)] = 8
    """Whole networks timed beside the options, from which follows what a network takes beyond them."""
