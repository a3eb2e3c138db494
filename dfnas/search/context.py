"""What every search works on, and what it leaves behind."""

from dataclasses import dataclass

import torch

from dfnas.dataset.images import ImageSet
from dfnas.search.budget import Budget
from dfnas.spaces.costs import CostTable
from dfnas.spaces.space import Space


@dataclass(frozen=True)
class SearchContext:
    """The same for every algorithm.

    Args:
        space: what can be chosen.
        train: images that train the weights (and, for DARTS, the architecture on one half).
        validation: held-out images of the same source, for architecture steps and scores.
        seed: the run's seed.
        budget: what an architecture may cost; checked.
        latency: milliseconds of every option on the user's device, where that is asked for.
    """

    space: Space
    train: ImageSet
    validation: ImageSet
    seed: int
    budget: Budget
    latency: CostTable | None = None

    @property
    def device(self) -> torch.device:
        return self.train.images.device
