"""Settings of what is compared: the rows of Table 1."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from dfnas.settings.algorithms import short_name
from dfnas.settings.base import Flag, Seed, Settings
from dfnas.settings.search import BudgetSettings
from dfnas.settings.sources import NO_DATA, ORIGINAL, SYNTHETIC, Data


def _algorithm(text: str) -> str:
    short_name(text)
    return text


class ComparisonSettings(Settings):
    """Section `comparison`: the rows of Table 1."""

    algorithms: Annotated[tuple[Annotated[str, AfterValidator(_algorithm)], ...], Field(min_length=1)] = (
        "darts",
        "proxyless",
        "spos",
        "random",
    )
    """Algorithms that search: `darts`, `proxyless`, `spos`, `random`, `evolution`, `training_free`, or your own as
    `module:name` or `file.py:name`, with a section `search_<name>` (docs/extending.md). The last three of ours are
    baselines without a supernet; `random` looks at no data unless search_random.draws is above 1, and `training_free`
    unless search_training_free.images is `data`."""
    search_data: Annotated[tuple[Data, ...], Field(min_length=1)] = (ORIGINAL, SYNTHETIC)
    """Data to search on, each algorithm on each: `original`, `synthetic` or a name of `sources`."""
    retrain_data: tuple[Data, ...] = (ORIGINAL,)
    """Data to train the found architectures on, each on each; the same names. What is deployed was trained on the first
    of them. None are needed with `lookup`."""
    seeds: Annotated[tuple[Annotated[Seed, Field(ge=0)], ...], Field(min_length=1)] = (0, 1, 2)
    """Every search and its retraining runs once with each."""
    budgets: tuple[BudgetSettings, ...] = ()
    """Budgets, as in the sections of the searches, under each of which every search picks an architecture, beside the
    one that its own section's budget means; `{}` is none. With `lookup` they are compared in budgets.csv. A supernet is
    trained once for all of them."""
    proxies: tuple[Data, ...] = (NO_DATA,)
    """With `lookup`: what untrained networks see that training-free proxies score, once with each seed: `none`,
    Gaussian noise, or data sets, `original`, `synthetic` or names of `sources`."""
    judge_images: Flag = False
    """Judge the synthetic images by original test images as well. Nothing is made from the result."""

    @model_validator(mode="after")
    def _no_repeats(self) -> "ComparisonSettings":
        for name in ("algorithms", "search_data", "retrain_data", "seeds", "budgets", "proxies"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name} repeats a value: {', '.join(map(str, values))}")
        if len(set(self.names)) < len(self.algorithms):
            raise ValueError(f"algorithms has two of one name: {', '.join(self.names)}; call a class otherwise")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """What the algorithms are called in tables and folders, in their order."""
        return tuple(map(short_name, self.algorithms))
