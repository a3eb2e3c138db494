"""Searching without a supernet: every candidate network is trained from fresh weights and scored on held-out images.

What candidate comes next is all that such searches differ in.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import Any

from dfnas.measure.accuracy import logits_of
from dfnas.runtime.placement import placed
from dfnas.runtime.resumable import Row
from dfnas.runtime.seeds import reseed
from dfnas.search.context import SearchContext
from dfnas.search.judging import JudgingSearch
from dfnas.settings.from_scratch import FromScratchSettings
from dfnas.spaces.candidate import Candidate, Score, best_of, to_text
from dfnas.training.descent import Descent
from dfnas.training.losses import DivergedError


class FromScratchSearch(JudgingSearch, ABC):
    """The search, as `Resumable` steps: `settings.steps` training steps for each candidate, the last with its score.

    All candidates start from the same seed and see the same batches, so that a score is a function of the architecture.
    One that is proposed again keeps its score, and its steps do nothing. One whose training diverges has every image
    wrong: others may do better at the same learning rate.

    Args:
        candidates: how many are proposed.

    Attributes:
        judged: every candidate by its text, in the order of judgement.
        proposed: the texts of all that were proposed, in order, the present one included.
    """

    settings: FromScratchSettings
    remedy = "raise its steps, so that candidates with weights are trained enough to be judged"

    def __init__(self, context: SearchContext, settings: FromScratchSettings, candidates: int):
        self.context, self.settings = context, settings
        self.batches = context.batches(settings, context.train, "weights")
        self.held_out = context.held_out(settings)
        self.steps = candidates * settings.steps
        self.judged: dict[str, Candidate] = {}
        self.proposed: list[str] = []
        self.present: dict[str, str] = {}
        self.descent: Descent | None = None

    @abstractmethod
    def propose(self, number: int) -> dict[str, str]:
        """Candidate `number`, from 0, within the budget; a function of the scores so far, the seed and the number."""

    def step(self, index: int) -> Row | None:
        number, place = divmod(index, self.settings.steps)
        if place == 0:
            self.present = self.propose(number)
            self.proposed.append(to_text(self.context.space, self.present))
            self.descent = None if self.proposed[-1] in self.judged else self._descent()
        if self.descent is not None:
            reseed(self.context.seed, "step", place)
            self.descent.step(place)
        return self._judge(number) if place + 1 == self.settings.steps else None

    def kind(self, index: int) -> str:
        """See `Resumable`."""
        return "step" if (index + 1) % self.settings.steps else "last step of a candidate"

    def skip_to(self, index: int) -> None:
        """See `Resumable`. A candidate is begun, and the one before it judged."""
        number, place = divmod(index, self.settings.steps)
        if place and self.descent is None:
            self.step(index - place)
        elif not place and self.descent is not None:
            self._judge(number - 1)

    def _descent(self) -> Descent:
        """The training of the present candidate, before its first step."""
        settings = self.settings
        reseed(self.context.seed, "weights")
        return Descent(
            placed(self.context.space.network(self.present), self.context.device),
            self.batches,
            settings,
            settings.steps,
            settings.warmup_steps,
            settings.auxiliary_weight,
            settings.temperature,
        )

    def _judge(self, number: int) -> Row:
        row: Row = {"candidate": number + 1}
        if self.descent is not None:
            try:
                row["train_loss"] = self.descent.mean_loss(self.settings.steps)
                score = self.score_of(logits_of(self.descent.network, self.held_out))
            except DivergedError:
                score = self._worst()
            macs_m = self.context.space.macs(self.present) / 1e6
            self.judged[self.proposed[-1]] = Candidate.of(self.present, score, macs_m)
            self.descent = None
        best, judged = best_of(self.judged.values()), len(self.judged)
        if best.score == self._worst() and (number + 1) * self.settings.steps == self.steps:
            raise DivergedError("the training of every candidate diverged; lower lr or clip_norm")
        last = self.judged[self.proposed[-1]]
        assert last.top1_error is not None, "images were shown to it"
        assert best.top1_error is not None, "images were shown to it"
        row |= {"judged": judged, "top1_error": last.top1_error}
        row |= {"best_top1_error": best.top1_error, "best_macs_m": best.macs_m}
        images = self.settings.steps * self.settings.batch_size
        return row | {"trained_images": judged * images, "judged_images": judged * len(self.context.validation)}

    def _worst(self) -> Score:
        """Of a candidate whose training diverged."""
        return Score(1.0, 1.0, math.inf if self.settings.judge_by == "loss" else None)

    def state_dict(self) -> dict[str, Any]:
        return {
            "judged": [asdict(candidate) for candidate in self.judged.values()],
            "proposed": list(self.proposed),
            "present": dict(self.present),
            "descent": self.descent and self.descent.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        candidates = [Candidate(**values) for values in state["judged"]]
        self.judged = {to_text(self.context.space, candidate.architecture): candidate for candidate in candidates}
        self.proposed, self.present = list(state["proposed"]), dict(state["present"])
        self.descent = None
        if state["descent"] is not None:
            self.descent = self._descent()
            self.descent.load_state_dict(state["descent"])
