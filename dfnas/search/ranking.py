"""How a trained supernet orders the architectures of its space: uniform draws, each with its scores."""

import json
from collections.abc import Sequence
from typing import Any

from dfnas.dataset.batches import PlainViews
from dfnas.dataset.images import ImageSet
from dfnas.measure.accuracy import error_rate
from dfnas.proxies.scoring import Scorer
from dfnas.runtime.resumable import Row
from dfnas.runtime.seeds import python_random
from dfnas.search.context import HELD_OUT_BATCH
from dfnas.search.judging import judging_labels
from dfnas.search.path_scores import PathScores
from dfnas.search.ranks import ranked
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.spaces.candidate import Candidate, Score
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
        scorer: of the training-free scores, where the search ranks by them too.
    """

    def __init__(
        self,
        scores: PathScores,
        held_out: ImageSet,
        original: ImageSet,
        settings: SearchSposSettings,
        count: int,
        seed: int,
        scorer: Scorer | None = None,
    ):
        self.scores, self.settings, self.steps, self.seed, self.scorer = scores, settings, count, seed, scorer
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
            "further": json.dumps(self.scorer.proxies_of(architecture)) if self.scorer is not None else "",
        }

    def with_ranks(self, rows: Sequence[Row]) -> list[Row]:
        """The rows of all steps, with what the search's ranks come to among these architectures, `with_ranks`, where it
        ranks."""
        plain = [{name: value for name, value in row.items() if name != "further"} for row in rows]
        if self.scorer is None:
            return plain
        word = "held_out_accuracy" if self.settings.judge_by == "error" else "held_out_likelihood"
        candidates = [self._candidate(-float(row[word]), row) for row in rows]
        pairs = zip(plain, ranked(candidates), strict=True)
        return [row | {"with_ranks": score} for row, score in pairs]

    def _candidate(self, loss: float, row: Row) -> Candidate:
        architecture = self.scores.space.from_string(str(row["architecture"]))
        score = Score(1 - float(row["held_out_accuracy"]), 0.0, loss, json.loads(str(row["further"])))
        return Candidate.of(architecture, score, self.scores.space.macs(architecture) / 1e6)

    def state_dict(self) -> dict[str, Any]:
        """Nothing: a path's statistics are computed anew whenever it is judged, and weights do not change."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `state_dict`."""
