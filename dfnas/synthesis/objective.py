"""What the inversion minimises, as a function of what the teacher sees.

Paper section 3; release, Image_Synthesis/train.py:137-164; the disagreement is Adaptive DeepInversion's.

Shapes: B batch, C channels, H W of the teacher's input, K classes, T terms.
"""

import functools
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from dfnas.classifiers.teacher import Teacher
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.synthesis.compilation import Compiled, pays, with_gradient
from dfnas.synthesis.regularizers import image_norm, likeness, total_variation
from dfnas.synthesis.statistics import FeatureStatistics

TERMS = ("cross_entropy", "feature", "total_variation", "image_norm", "competition")


class Outcome(NamedTuple):
    """The objective at one step's images. Nothing here has a graph."""

    loss: torch.Tensor
    """Scalar."""
    terms: torch.Tensor
    """(T,), unweighted, in the order of TERMS."""
    average: torch.Tensor | None
    """Running moments of the features, see `FeatureStatistics.loss`."""
    gradient: torch.Tensor | None
    """Of the loss to the images, (B, C, H, W); None where they want none."""


class Objective:
    """The loss and its terms for batches of one size, by compiled code where that pays. It serves any number of
    batches, and keeps nothing of them. A context, as `FeatureStatistics` is: call it inside.

    Args:
        teacher: decides the device. Its network's weights are laid out channels-last from now on, where it takes that.
        competitor: a second network of the same classes; needed if `settings.competition_weight` is above 0.
        batches: how many it is for; more are worth a compilation sooner, see `pays`.

    Raises:
        InputError: the teacher has no BatchNorm although the feature term has a weight.
    """

    def __init__(
        self,
        teacher: Teacher,
        settings: InvertTeacherSettings,
        competitor: Teacher | None = None,
        batches: int = 1,
    ):
        assert competitor is not None or not settings.competition_weight
        self.teacher, self.settings = teacher.to(memory_format=teacher.layout), settings
        self._competitor = competitor if settings.competition_weight else None
        self._device_type = teacher.mean.device.type
        self._features = FeatureStatistics(
            teacher.batch_norms(),
            settings.feature_weight,
            settings.feature_first_multiplier,
            settings.feature_distance,
            settings.feature_scale,
            settings.feature_momentum,
        )
        self.weights = (
            1.0,
            settings.feature_weight,
            settings.tv_weight,
            settings.l2_weight,
            settings.competition_weight,
        )
        compiled = pays(teacher, settings, batches)
        self._compiled = Compiled(self._outcome, settings.compile == "always") if compiled else None
        self._prepared: set[torch.Size] = set()

    @property
    def compiled(self) -> bool:
        """Whether the arithmetic is that of compiled code, which differs from torch's own in the last digits. It is
        known once `prepare` was called."""
        return self._compiled is not None and self._compiled.works

    def prepare(self, views: Iterable[torch.Tensor]) -> None:
        """Compiles for images like these, of every size that there will be, where that pays and was not done yet.

        Where the compiler fails it does so here, before the first step: all steps are then those of torch's own
        arithmetic, and none are of both.

        Args:
            views: (B, C, H, W) each, as `__call__` will be given them.

        Raises:
            InputError: compilation failed and is required.
        """
        if not self.compiled:
            return
        for seen in views:
            if seen.shape in self._prepared:
                continue
            self._prepared.add(seen.shape)
            targets = seen.new_full((len(seen), self.teacher.spec.classes), 1 / self.teacher.spec.classes)
            with self:
                with torch.no_grad():
                    self._outcome(seen, targets, None)  # notes what layers remember: to be done outside the graph
                average = self(seen, targets).average
                if average is not None:  # a graph of its own
                    self(seen, targets, average)

    def networks(self) -> dict[str, nn.Module]:
        """The networks that see the images, by role."""
        second = {} if self._competitor is None else {"competitor": self._competitor.network}
        return {"teacher": self.teacher.network, **second}

    def __enter__(self) -> "Objective":
        self._features.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._features.__exit__(*error)

    def __call__(self, seen: torch.Tensor, targets: torch.Tensor, average: torch.Tensor | None = None) -> Outcome:
        """The objective.

        Args:
            seen: (B, C, H, W) in the teacher's normalised space, or smaller by a resolution stage. If it requires a
                gradient, that is part of the outcome.
            targets: (B, K), rows that sum to 1.
            average: that of the outcome of the step before.
        """
        inputs = seen, targets, average
        return Outcome(*(with_gradient(self._outcome, *inputs) if self._compiled is None else self._compiled(*inputs)))

    def _outcome(
        self, seen: torch.Tensor, targets: torch.Tensor, average: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        settings = self.settings
        self._features.forget()  # what a pass before this one has left that did not come to its end
        logits = self._logits(self.teacher, seen)
        zero = logits.new_zeros(())
        features, average = self._features.loss(average) if settings.feature_weight else (zero, None)
        terms = (
            F.cross_entropy(logits, targets),
            features,
            total_variation(seen),
            image_norm(seen),
            self._competition(logits, seen) if self._competitor is not None else zero,
        )
        weighted = (weight * term for weight, term in zip(self.weights, terms, strict=True) if weight)
        loss = functools.reduce(torch.add, weighted)
        return loss, torch.stack([term.detach() for term in terms]), average

    def _competition(self, logits: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        competitor = self._competitor
        assert competitor is not None
        pixels = seen * self.teacher.std + self.teacher.mean  # the competitor may be normalised otherwise
        theirs = self._logits(competitor, (pixels - competitor.mean) / competitor.std)
        return likeness(theirs, logits, self.settings.competition_temperature)

    def _logits(self, teacher: Teacher, seen: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self._device_type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
            return teacher.network(seen).float()
