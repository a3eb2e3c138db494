"""Settings of the judgement by a table in which the accuracy of every architecture is known."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dfnas.runtime.paths import expanded
from dfnas.settings.base import Count, Integer, Seed, Settings


class LookupSettings(Settings):
    """Section `lookup`, optional: the true accuracy of every found architecture, looked up in a table instead of
    retraining it, or beside that. For any space, as long as the table writes its architectures as the space's
    `to_string` does; the compared searches share the space. No search reads the table."""

    table: Annotated[str, Field(min_length=1)]
    """CSV file with a row for every architecture; `~` and environment variables are expanded. It may lack some: then
    ranks, and what is compared with, are among those that it has."""
    column: str = "CIFAR10TestAccuracy200Epochs"
    """Its column with the accuracy in percent."""
    further_columns: tuple[str, ...] = ()
    """Further columns with accuracies, such as on other data sets: what the searches found is looked up in each, for
    the tables of results under budgets and of rank correlations. `lookup.csv` has `column` alone."""
    architecture_column: str = "ArchitectureString"
    """Its column with the architecture, as the space writes it: `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|` for
    `nasbench201`, `choice=option,…` for others unless they have a notation of their own."""
    class_column: str | None = "UniqueString"
    """Its column with the isomorphism class, equal for architectures that compute the same; null if it has none."""
    random_draws: tuple[Count, ...] = (1, 10, 100)
    """Rows of the baseline: the expected best of so many uniform draws from the table; under a budget, of what is near
    its limit and of all that keeps it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns with accuracies, the main one first, each once."""
        return tuple(dict.fromkeys((self.column, *self.further_columns)))

    def file(self) -> Path:
        """The table's file."""
        return Path(expanded(self.table, "lookup.table"))


class RankArchitecturesSettings(Settings):
    """Section `rank_architectures`: with `lookup`, how the supernets of SPOS order random architectures."""

    architectures: Annotated[Integer, Field(ge=2)] = 200
    """Uniform draws from the space that every supernet is asked about: two at least, for there to be an order."""
    split: Literal["validation", "test"] = "test"
    """Original images that judge beside the search's own held-out ones. Nothing is made from what they say."""
    seed: Seed = 0
    """Seed of the draws."""
