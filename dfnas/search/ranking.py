"""How a trained supernet orders the architectures of its space: uniform draws, each with its scores."""

from typing import Any

from dfnas.dataset.batches import PlainViews
from dfnas.dataset.images import ImageSet
from dfnas.measure.accuracy import error_rate
from dfnas.runtime.resumable import Row
from dfnas.runtime.seeds import python_random
from dfnas.search.context import HELD_OUT_BATCH
from dfnas.search.judging import judging_labels
from dfnas.search.path_scores import PathScores
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.training.losses import soft_cross_entropy


class Ranking:
    """`Resumable` judgement of architectures, one a step: a row with the architecture and its
    `dfnas.measure.rank_correlation.SCORES`.

    Args:
        scores: the supernet and how its paths are judged.
        held_out: images that the search kept from its training.
        original: original images. Nothing is made from what they say.
        settings: of the search.
        count: how many architectures are drawn, uniformly and with replacement.
        seed: of the draws; with the same seed all supernets are asked about the same architectures.
    """

    def __init__(
        self,
        scores: PathScores,
        held_out: ImageSet,
        original: ImageSet,
        settings: SearchSposSettings,
        count: int,
        seed: int,
    ):
        self.scores, self.settings, self.steps, self.seed = scores, settings, count, seed
        self.classes = held_out.likely, original.likely
        self.labels = judging_labels(held_out, settings)
        self.views = [PlainViews(judge, HELD_OUT_BATCH, settings.downscale) for judge in (held_out, original)]

    def step(self, index: int) -> Row:
        space = self.scores.space
        architecture = space.sample(python_random(self.seed, "ranking", index))
        logits = self.scores.logits(architecture, *self.views)
        held_out, original = (1 - error_rate(*pair) for pair in zip(logits, self.classes, strict=True))
        return {
            "architecture": space.to_string(architecture),
            "held_out_accuracy": held_out,
            "held_out_likelihood": -soft_cross_entropy(logits[0], self.labels, self.settings.temperature).item(),
            "original_accuracy": original,
        }

    def state_dict(self) -> dict[str, Any]:
        """Nothing: a path's statistics are computed anew whenever it is judged, and weights do not change."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `state_dict`."""
