"""Several batches inverted one after the other, as steps that can be interrupted.

Shapes: N images, B batch, C channels, H' W' of the canvas, K classes, T terms.
"""

import bisect
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch

from dfnas.runtime.resumable import Row
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.synthesis.inversion import Inversion, to_uint8
from dfnas.synthesis.objective import TERMS, Objective


class Parts(Protocol):
    """Where finished batches go: a `Checkpoint`."""

    def add_part(self, value: torch.Tensor) -> None: ...
    def part(self, place: int) -> torch.Tensor: ...


class InversionSequence:
    """`Resumable` inversion of the batches with the given indices. Memory holds the batch at work and no other.

    Args:
        targets: (N, K), the rows of all batches in turn; N = batches · batch size.
        batches: index of each batch within its generation.
        finished: keeps the images of finished batches.
    """

    def __init__(
        self, objective: Objective, targets: torch.Tensor, generation: int, batches: Sequence[int], finished: Parts
    ):
        self._objective, self._generation = objective, generation
        self._batches, self._targets = batches, targets.split(objective.settings.batch_size)
        assert len(self._targets) == len(batches)
        self._per_batch = sum(stage.steps for stage in objective.settings.stages)
        self._ends = {round(self._per_batch * tenth / 10) for tenth in range(1, 11)} - {0}
        self.steps = self._per_batch * len(batches)
        self._finished, self._done = finished, 0
        self._begin(0)

    def step(self, index: int) -> Row | None:
        """One step of the batch whose turn it is. After each tenth of a batch its history row: the mean loss and terms
        since the row before.

        Raises:
            InputError: the optimisation has diverged.
        """
        place, step = divmod(index, self._per_batch)
        if place > self._done:
            self._finish()
            self._begin(place)
        next(self._ahead)
        if step + 1 not in self._ends:
            return None
        first = max((end for end in self._ends if end <= step), default=0)
        terms = self._current.history()[first:].double().mean(0)  # (T,)
        if not terms.isfinite().all():
            raise self._current.diverged()
        loss = sum(weight * term for weight, term in zip(self._objective.weights, terms.tolist(), strict=True))
        figures = dict(zip(TERMS, terms.tolist(), strict=True))
        return {"batch": self._batches[place], "step": step + 1, "loss": loss, **figures}

    def kind(self, index: int) -> str:
        """See `Resumable`."""
        return f"stage {stage_of(self._objective.settings, index)}"

    def skip_to(self, index: int) -> None:
        """See `Resumable`."""
        place, step = divmod(index, self._per_batch)
        while place > self._done:
            self._finish()
            self._begin(self._done)
        self._current.skip_to(step)

    def images(self) -> Iterator[torch.Tensor]:
        """The images of each batch, uint8 (B, C, H', W') on the CPU, once every step is done."""
        while self._done < len(self._batches):
            self._finish()
            if self._done < len(self._batches):  # without resolution stages no step has come to it
                self._begin(self._done)
        return (self._finished.part(place) for place in range(self._done))

    def _finish(self) -> None:
        self._finished.add_part(to_uint8(self._current.images()).cpu())
        self._done += 1

    def _begin(self, place: int) -> None:
        self._current = Inversion(self._objective, self._targets[place], self._generation, self._batches[place])
        self._ahead = self._current.steps()

    def state_dict(self) -> dict[str, Any]:
        return {"done": self._done, "current": self._current.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._done = state["done"]
        self._ahead.close()
        self._begin(self._done)
        self._current.load_state_dict(state["current"])


def stage_of(settings: InvertTeacherSettings, index: int) -> int:
    """The resolution stage, from 0, of a step of batches one after the other."""
    ends = list(itertools.accumulate(stage.steps for stage in settings.stages))
    return bisect.bisect_right(ends, index % ends[-1])
