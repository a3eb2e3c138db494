"""Search without training: of architectures drawn within the budget, the best by a score of their untrained networks.

Scores are those of `dfnas.proxies`. AZ-NAS (Lee and Ham 2024) ranks the candidates by each of its terms and sums the
logarithms of the ranks, so which is best is known when all are scored.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from dfnas.measure.rank_aggregation import AGGREGATES, with_aggregates
from dfnas.proxies.gradients import ZICO_BATCHES
from dfnas.proxies.inputs import noise_of
from dfnas.proxies.scoring import Scorer, scored_space
from dfnas.proxies.untrained import Batch
from dfnas.runtime.resumable import Row
from dfnas.search import collapse
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.search.uniform import different_architectures
from dfnas.settings.proxies import PROXIES
from dfnas.settings.search_training_free import SearchTrainingFreeSettings
from dfnas.spaces.candidate import Candidate
from dfnas.spaces.space import Space


class TrainingFreeSearch:
    """The search on images, as `Resumable` steps: a candidate each.

    Attributes:
        drawn: the candidates.
        scores: what `Scorer.of` gives of those that are scored, in that order.
    """

    settings_type = SearchTrainingFreeSettings
    remedy = "raise search_training_free.draws, or rank by another score"

    @staticmethod
    def without_data(budget: Budget, seed: int, settings: SearchTrainingFreeSettings) -> dict[str, str]:
        """The best candidate by what networks make of noise.

        Raises:
            InputError: see `different_architectures` and `scorer_of`.
        """
        batches = noise_of(budget.space.task, settings.batch_size, settings.downscale, seed, torch.device("cpu"))
        scorer = scorer_of(budget.space, settings, batches, seed)
        drawn = different_architectures(budget, seed, settings.draws)
        return drawn[best_of([scorer.of(architecture) for architecture in drawn], settings.score)]

    def __init__(self, context: SearchContext, settings: SearchTrainingFreeSettings):
        self.context, self.settings = context, settings
        views = context.batches(settings, context.train, "scored images")
        batches = [views[index] for index in range(ZICO_BATCHES)]
        self.scorer = scorer_of(context.space, settings, batches, context.seed)
        self.drawn = different_architectures(context.budget, context.seed, settings.draws)
        self.steps = len(self.drawn)
        self.scores: list[dict[str, float]] = []

    def step(self, index: int) -> Row | None:
        self.scores.append(self.scorer.of(self.drawn[index]))
        # What is infinite has no place in a curve.
        return {"candidate": index + 1, **{n: score for n, score in self.scores[-1].items() if math.isfinite(score)}}

    def skip_to(self, index: int) -> None:
        """See `Resumable`: steps do not depend on each other."""

    def state_dict(self) -> dict[str, Any]:
        return {"scores": [dict(scores) for scores in self.scores]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.scores = [dict(scores) for scores in state["scores"]]

    def architecture(self) -> dict[str, str]:
        """The best candidate."""
        return dict(self.drawn[best_of(self.scores, self.settings.score)])

    def strengths(self) -> dict[str, torch.Tensor]:
        """One for the options of the best candidate, zero for the others; (O,) per choice."""
        return self.context.space.indicators(self.architecture())

    def candidates(self) -> list[Candidate]:
        """Every candidate, in the order of their draws, with the score that ranks them."""
        ranked = zip(self.drawn, self.scores, scored(self.scores, self.settings.score), strict=True)
        return [Candidate(dict(one), None, None, costs["macs_m"], proxy_score=score) for one, costs, score in ranked]

    def report(self) -> dict[str, bool | float | int | str]:
        """How it went: `collapse.judged` of the architecture, and how many candidates were `scored`."""
        collapsed = collapse.judged(self.context.space, self.architecture())
        return {**collapsed, "stopped": "end", "scored": len(self.scores)}


def scorer_of(space: Space, settings: SearchTrainingFreeSettings, batches: Sequence[Batch], seed: int) -> Scorer:
    """What scores architectures as the settings say.

    Raises:
        InputError: see `scored_space`.
    """
    terms = AGGREGATES.get(settings.score, (settings.score,))
    proxies = [proxy for proxy in PROXIES if proxy in terms]
    return Scorer(space, scored_space(settings.space, space, settings.network_options), proxies, batches, seed)


def scored(scores: Sequence[Mapping[str, float]], score: str) -> list[float]:
    """Of every candidate the score that ranks them, which may depend on the others."""
    columns = {name: [float(one[name]) for one in scores] for name in scores[0]}
    return [float(value) for value in with_aggregates(columns)[score]]


def best_of(scores: Sequence[Mapping[str, float]], score: str) -> int:
    """The place of the best candidate, the first of equals."""
    return int(np.argmax(scored(scores, score)))
