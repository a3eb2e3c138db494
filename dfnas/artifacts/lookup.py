"""What a table of true accuracies says of what a search found, and lookup.csv, which gathers that over the seeds."""

from typing import Annotated, Any

from dfnas.artifacts.document import Document, Number, Whole
from dfnas.artifacts.lines import Line, decimals


class Lookup(Document):
    """Of one search."""

    algorithm: str
    search_data: str
    seed: Whole
    architecture: str
    """As the table writes it."""
    isomorphism_class: str | None
    """Where the table has it."""
    collapsed: bool
    """By the share of skip connections."""
    learns_nothing: bool | None
    """Where its space can say, see `Space.learns_nothing`."""
    accuracy: Number
    rank: Number
    percentile: Number
    architectures: Whole
    """In the table."""
    best_architecture: str
    best_accuracy: Number
    provenance: dict[str, Any]


Correlation = Annotated[float | None, decimals(4)]


class LookupRow(Line):
    """Of the searches of an algorithm on some data, or of what there is without a search."""

    algorithm: str
    search_data: str
    seeds: int | None = None
    draws: int | None = None
    accuracy_mean: Annotated[float, decimals(3)]
    accuracy_std: Annotated[float | None, decimals(3)] = None
    accuracy_min: Annotated[float | None, decimals(3)] = None
    rank_mean: Annotated[float, decimals(1)]
    percentile_mean: Annotated[float, decimals(2)]
    collapsed: int | None = None
    """Seeds."""
    learns_nothing: int | None = None
    """Seeds."""
    tau_held_out: Correlation = None
    tau_held_out_likelihood: Correlation = None
    tau_original: Correlation = None
    rho_held_out: Correlation = None
    rho_held_out_likelihood: Correlation = None
    rho_original: Correlation = None
