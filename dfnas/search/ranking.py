"""How a trained supernet orders the architectures of its space: uniform draws, each with its scores."""

from collections.abc import Sequence
from typing import Any

from dfnas.dataset.batches import PlainViews
from dfnas.dataset.images import ImageSet
from dfnas.measure.accuracy import error_rate
from dfnas.measure.rank_correlation import SCORES
from dfnas.runtime.resumable import Row
from dfnas.runtime.seeds import python_random
from dfnas.search.context import HELD_OUT_BATCH
from dfnas.search.path_scores import PathScores


class Ranking:
    """`Resumable` judgement of architectures, one a step: a row with the architecture and its accuracies in [0, 1].

    Args:
        scores: the supernet and how its paths are judged.
        judges: for each of SCORES the images that judge: those that the search kept from its training, and original
            ones. Nothing is made from what the latter say.
        downscale: the search's.
        count: how many architectures are drawn, uniformly and with replacement.
        seed: of the draws; with the same seed all supernets are asked about the same architectures.
    """

    def __init__(self, scores: PathScores, judges: Sequence[ImageSet], downscale: int, count: int, seed: int):
        self.scores, self.judges, self.steps, self.seed = scores, judges, count, seed
        self.views = [PlainViews(judge, HELD_OUT_BATCH, downscale) for judge in judges]

    def step(self, index: int) -> Row:
        space = self.scores.space
        architecture = space.sample(python_random(self.seed, "ranking", index))
        logits = self.scores.logits(architecture, *self.views)
        accuracies = [1 - error_rate(one, judge.targets) for one, judge in zip(logits, self.judges, strict=True)]
        return {"architecture": space.to_string(architecture), **dict(zip(SCORES, accuracies, strict=True))}

    def state_dict(self) -> dict[str, Any]:
        """Nothing: a path's statistics are computed anew whenever it is judged, and weights do not change."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `state_dict`."""
