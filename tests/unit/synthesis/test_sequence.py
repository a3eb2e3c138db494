"""Batches one after the other: their history, and what is done about a batch that diverges."""

import pytest
import torch

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.errors import InputError
from dfnas.settings.invert_teacher import InvertTeacherSettings, ResolutionStage
from dfnas.synthesis.inversion import Inversion, to_uint8
from dfnas.synthesis.inversion_targets import first_targets
from dfnas.synthesis.objective import Objective
from dfnas.synthesis.sequence import InversionSequence


class Kept:
    """Finished batches in a list."""

    def __init__(self):
        self.parts: list[torch.Tensor] = []

    def add_part(self, value: torch.Tensor) -> None:
        self.parts.append(value)

    def part(self, place: int) -> torch.Tensor:
        return self.parts[place]


def objective_of(steps: int, **changes) -> Objective:
    torch.manual_seed(0)
    settings = InvertTeacherSettings(
        batch_size=6, stages=(ResolutionStage(steps=steps),), warmup_steps=1, canvas_margin=2, **changes
    )
    spec = TeacherSpec(builder="-", classes=3, size=(8, 8), mean=(0.5,) * 3, std=(0.25,) * 3)
    return Objective(Teacher(spec, cifar_resnet(8, (4, 4, 4), 3, 3)), settings)


def targets_of(objective: Objective, batches: range) -> torch.Tensor:
    return torch.cat([first_targets(objective.settings, batch, 3)[1] for batch in batches])


@pytest.mark.parametrize(
    ("steps", "ends"), [(3, [1, 2, 3]), (10, list(range(1, 11))), (25, [2, 5, 8, 10, 12, 15, 18, 20, 22, 25])]
)
def test_history_has_ten_rows_a_batch_and_the_last_step_in_the_last(steps: int, ends: list[int]):
    objective = objective_of(steps, tv_weight=0.01)
    batches = range(2, 4)
    sequence = InversionSequence(objective, targets_of(objective, batches), 0, batches, Kept())
    rows = [row for index in range(sequence.steps) if (row := sequence.step(index))]
    assert [(row["batch"], row["step"]) for row in rows] == [(batch, end) for batch in batches for end in ends]
    whole = Inversion(objective, first_targets(objective.settings, 2, 3)[1], 0, 2)
    whole.run()
    terms = whole.history()[ends[-2] :].mean(0)
    assert rows[len(ends) - 1]["cross_entropy"] == pytest.approx(terms[0].item(), rel=1e-4)
    expected = terms[0] + 0.01 * terms[1] + 0.01 * terms[2] + 1e-5 * terms[3]
    assert rows[len(ends) - 1]["loss"] == pytest.approx(expected.item(), rel=1e-4)


def test_images_are_those_of_each_batch_alone():
    objective, batches, kept = objective_of(4), range(1, 4), Kept()
    sequence = InversionSequence(objective, targets_of(objective, batches), 1, batches, kept)
    for index in range(sequence.steps):
        sequence.step(index)
    for images, batch in zip(sequence.images(), batches, strict=True):
        alone = Inversion(objective, first_targets(objective.settings, batch, 3)[1], 1, batch)
        assert torch.equal(images, to_uint8(alone.run()))


def test_divergence_is_noticed_within_a_tenth_of_a_batch():
    objective = objective_of(40)
    sequence = InversionSequence(objective, targets_of(objective, range(1)), 0, range(1), Kept())
    sequence.step(0)
    state = sequence.state_dict()
    state["current"]["canvas"].fill_(torch.nan)
    sequence.load_state_dict(state)
    sequence.step(1)
    sequence.step(2)
    with pytest.raises(InputError, match="batch 0, generation 0 diverged"):
        sequence.step(3)


def test_without_stages_the_images_are_normal_noise_about_the_teachers_mean():
    torch.manual_seed(0)
    settings = InvertTeacherSettings(batch_size=60, stages=(), canvas_margin=2)
    spec = TeacherSpec(builder="-", classes=3, size=(8, 8), mean=(0.5,) * 3, std=(0.25,) * 3)
    objective = Objective(Teacher(spec, cifar_resnet(8, (4, 4, 4), 3, 3)), settings)
    batches = range(3, 6)
    sequence = InversionSequence(objective, targets_of(objective, batches), 0, batches, Kept())
    assert sequence.steps == 0
    images = list(sequence.images())
    for batch, found in zip(batches, images, strict=True):
        assert torch.equal(found, to_uint8(Inversion(objective, targets_of(objective, [batch]), 0, batch).images()))
    pixels = torch.cat(images).double() / 255  # 54,000
    assert pixels.shape == (180, 3, 10, 10)
    assert pixels.mean().item() == pytest.approx(0.5, abs=0.005)
    # What lies beyond two standard deviations is no valid pixel: 2 (1 - Phi(2)), and half a level on each side.
    clipped = ((pixels == 0) | (pixels == 1)).double().mean().item()
    assert clipped == pytest.approx(0.0455, abs=0.005)
    assert not torch.equal(images[0], images[1])


def test_a_step_can_be_done_without_those_before_it():
    """As a trial does; rows then have numbers, and batches follow each other."""
    objective, batches = objective_of(25), range(3)
    for indices in ([24, 60], [3, 4, 30, 31, 74]):
        sequence = InversionSequence(objective, targets_of(objective, batches), 0, batches, Kept())
        for index in indices:
            sequence.skip_to(index)
            sequence.step(index)
    assert {sequence.kind(index) for index in range(sequence.steps)} == {"stage 0"}
