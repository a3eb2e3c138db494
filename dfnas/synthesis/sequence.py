"""Several batches inverted one after the other, as steps that can be interrupted.

Shapes: N images, B batch, C channels, P canvas side, K classes.
"""

from collections.abc import Sequence
from typing import Any

import torch

from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.synthesis.inversion import Inversion, to_uint8
from dfnas.teacher import Teacher


class InversionSequence:
    """`Resumable` inversion of the batches with the given indices; memory holds one batch at work and the bytes
    of the finished ones.

    Args:
        targets: (N, K), the rows of all batches in turn; N = batches · batch size.
        batches: index of each batch within its generation.
    """

    def __init__(
        self,
        teacher: Teacher,
        targets: torch.Tensor,
        settings: InvertTeacherSettings,
        generation: int,
        batches: Sequence[int],
    ):
        self._teacher, self._settings, self._generation = teacher, settings, generation
        self._batches, self._targets = batches, targets.split(settings.batch_size)
        assert len(self._targets) == len(batches)
        self._per_batch = sum(stage.steps for stage in settings.stages)
        self.steps = self._per_batch * len(batches)
        self._done: list[torch.Tensor] = []
        self._current = self._inversion(0)

    def step(self, index: int) -> None:
        place = index // self._per_batch
        if place > len(self._done):
            self._finish()
            self._current = self._inversion(place)
        self._current.advance(1)

    def images(self) -> torch.Tensor:
        """All images, uint8 (N, C, P, P) on the CPU, once every step is done."""
        if len(self._done) < len(self._batches):
            self._finish()
        return torch.cat(self._done)

    def _finish(self) -> None:
        self._done.append(to_uint8(self._current.images()).cpu())

    def _inversion(self, place: int) -> Inversion:
        return Inversion(self._teacher, self._targets[place], self._settings, self._generation, self._batches[place])

    def state_dict(self) -> dict[str, Any]:
        return {"done": list(self._done), "current": self._current.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._done = list(state["done"])
        self._current = self._inversion(len(self._done))
        self._current.load_state_dict(state["current"])
