"""New images while a network learns from synthetic ones: after every few epochs some are made, if wanted with the
network itself as competitor, and take the place of the oldest (Yin et al. 2020, "Dreaming to Distill", section 3.3:
images on which teacher and student do not agree).

Shapes: N images, B batch, C channels, H' W' of the canvas, K classes.
"""

import copy
from collections.abc import Iterable
from typing import Any

import torch

from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.errors import InputError
from dfnas.runtime.placement import count_on_host
from dfnas.runtime.resumable import Row
from dfnas.runtime.seeds import derive
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.training import FreshSettings
from dfnas.synthesis.inversion_targets import first_targets
from dfnas.synthesis.objective import Objective
from dfnas.synthesis.sequence import InversionSequence, stage_of
from dfnas.training.training import Training


class InMemory(list):
    """The finished batches of a round."""

    add_part = list.append
    part = list.__getitem__


class WithFreshImages:
    """A `Resumable` training that makes images in between, a step at a time as well.

    Several processes make the same images, each by itself, against the network of the first.

    Args:
        training: on images of the teacher's synthesis, labelled by the teacher view by view. Its images change.
        teacher: whose images they are.
        inversion: how they were made. Seed and competition are replaced.
        fresh: when, how many, and how much the network's own opinion counts.

    Raises:
        InputError: images of another size than those that the inversion makes, or an inversion without steps.
    """

    def __init__(self, training: Training, teacher: Teacher, inversion: InvertTeacherSettings, fresh: FreshSettings):
        data, spec = training.batches.data, teacher.spec
        sides = inversion.canvas_sides(spec.size)
        if data.stored.shape[1:] != (spec.channels, *sides):
            raise InputError(
                f"fresh: the images to learn from are {_by(data.stored.shape[1:])}, and invert_teacher makes "
                f"{_by((spec.channels, *sides))}; train on the data set that it describes"
            )
        if not inversion.stages:
            raise InputError("fresh.every_epochs makes images, and invert_teacher.stages is empty; give it stages")
        self._training, self._batches = training, fresh.batches
        seed = derive(training.seed, "fresh images")
        self._settings = inversion.model_copy(update={"seed": seed, "competition_weight": fresh.competition_weight})
        self._student = None
        if fresh.competition_weight:
            student = spec.model_copy(update={"builder": "", "arguments": {}, "mean": data.mean, "std": data.std})
            self._student = Teacher(student, copy.deepcopy(training.network)).to(data.device)
            count_on_host(self._student)  # as the network does whose state it takes over
        batches = fresh.batches * fresh.rounds(training.settings.epochs)
        self._objective, self._classes = Objective(teacher, self._settings, self._student, batches), spec.classes
        self._learning = fresh.every_epochs * training.batches.per_epoch
        self._making = fresh.batches * sum(stage.steps for stage in inversion.stages)
        self.steps = training.steps + fresh.rounds(training.settings.epochs) * self._making
        self.alone = tuple(f"images, stage {number}" for number in range(len(inversion.stages)))
        self._made = 0
        self._round: InversionSequence | None = None
        self._parts = InMemory()

    def step(self, index: int) -> Row | None:
        """A step of the training, or of the images of a round.

        Raises:
            InputError: one of them has diverged.
        """
        number, place = divmod(index, self._learning + self._making)
        if place < self._learning:
            return self._training.step(number * self._learning + place)
        made = self._round or self._begin()
        made.step(place - self._learning)
        if place + 1 == self._learning + self._making:
            self._end(made)
        return None  # the history is the training's

    def kind(self, index: int) -> str:
        """See `Resumable`."""
        number, place = divmod(index, self._learning + self._making)
        if place < self._learning:
            return self._training.kind(number * self._learning + place)
        return self.alone[stage_of(self._settings, place - self._learning)]

    def skip_to(self, index: int) -> None:
        """See `Resumable`."""
        place = index % (self._learning + self._making) - self._learning
        if place >= 0:
            (self._round or self._begin()).skip_to(place)

    def _begin(self) -> InversionSequence:
        """A round on what the network has learnt until now."""
        if self._student is not None:
            # BatchNorm's statistics are each process's own until the next step.
            state = self._training.network.state_dict()
            self._student.network.load_state_dict(self._training.processes.of_the_first(state))
        size = self._settings.batch_size
        first = self._made // size
        batches = range(first, first + self._batches)
        targets = torch.cat([first_targets(self._settings, batch, self._classes)[1] for batch in batches])
        self._parts = InMemory()
        self._round = InversionSequence(self._objective, targets, 0, batches, self._parts)
        return self._round

    def _end(self, made: InversionSequence) -> None:
        """The round's images take the places of the oldest."""
        stored = self._training.batches.data.stored
        for part in made.images():
            stored.put((self._made + torch.arange(len(part))) % len(stored), part)
            self._made += len(part)
        self._round, self._parts = None, InMemory()

    def state_dict(self) -> dict[str, Any]:
        stored = self._training.batches.data.stored
        made = stored.at(torch.arange(min(self._made, len(stored))))
        return {
            "training": self._training.state_dict(),
            "made": self._made,
            "images": made.cpu().contiguous(),
            "round": self._round and {"state": self._round.state_dict(), "parts": list(self._parts)},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._training.load_state_dict(state["training"])
        self._made = state["made"]
        self._training.batches.data.stored.put(torch.arange(len(state["images"])), state["images"])
        if state["round"]:
            made = self._begin()
            self._parts.extend(state["round"]["parts"])
            made.load_state_dict(state["round"]["state"])


def _by(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))
