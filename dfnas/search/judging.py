"""What searches that judge architectures one by one have in common: how they judge, and what they say when they are
done."""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import torch

from dfnas.dataset.batch_targets import ClassLabels, StoredLabels
from dfnas.dataset.images import ImageSet
from dfnas.measure.accuracy import error_rate
from dfnas.search import collapse
from dfnas.search.context import SearchContext
from dfnas.settings.search import JudgingSettings
from dfnas.spaces.candidate import Candidate, Score, best_of
from dfnas.training.losses import soft_cross_entropy


class JudgingSearch:
    """A search whose result is the best of the candidates that it has judged."""

    remedy: ClassVar[str]
    """What a user can do whose search has collapsed."""
    context: SearchContext
    settings: JudgingSettings
    judged: Mapping[str, Candidate]
    """Every candidate by its text, in the order of judgement."""

    def score_of(self, logits: torch.Tensor) -> Score:
        """What logits (N, K) of the validation images are worth, by `settings.judge_by`."""
        classes, settings = self.context.validation.likely, self.settings
        errors = error_rate(logits, classes), error_rate(logits, classes, 5)
        if settings.judge_by == "error":
            return Score(*errors)
        loss = soft_cross_entropy(logits, self._judging_labels, settings.temperature).item()
        return Score(*errors, loss if math.isfinite(loss) else math.inf)  # what is no number compares with nothing

    @cached_property
    def _judging_labels(self) -> torch.Tensor:
        return judging_labels(self.context.validation, self.settings)

    def architecture(self) -> dict[str, str]:
        """The best candidate found."""
        return dict(best_of(self.judged.values()).architecture)

    def strengths(self) -> dict[str, torch.Tensor]:
        """One for the options of the best candidate, zero for the others; (O,) per choice."""
        return self.context.space.indicators(self.architecture())

    def candidates(self) -> list[Candidate]:
        """Every candidate judged, in the order of their judgement."""
        return list(self.judged.values())

    def report(self) -> dict[str, bool | float | int | str]:
        """How it went: `collapse.judged` of the architecture, why the search `stopped`, and how many candidates were
        `judged`."""
        collapsed = collapse.judged(self.context.space, self.architecture())
        return {**collapsed, "stopped": "end", "judged": len(self.judged)}


def judging_labels(data: ImageSet, settings: JudgingSettings) -> torch.Tensor:
    """The labels (N, K) of plain images that a loss is judged by: those that the search trains with, except that no
    teacher is asked again for what is stored."""
    labels = ClassLabels(data) if settings.labels == "hard" else StoredLabels(data, settings.temperature)
    return labels.targets
