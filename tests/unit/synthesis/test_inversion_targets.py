"""Targets, soft labels, and the report of a calibration."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.synthesis.inversion_targets import (
    balanced_classes,
    calibration_report,
    doubt,
    first_targets,
    near_chance,
    one_hot,
    soft_labels,
)


@given(
    batch_size=st.integers(1, 40),
    batches=st.integers(1, 6),
    classes=st.integers(2, 30),
    seed=st.integers(0, 5),
    generation=st.integers(0, 3),
)
@settings(max_examples=60, deadline=None)
def test_classes_are_balanced_over_any_number_of_batches(batch_size, batches, classes, seed, generation):
    parts = [balanced_classes(batch_size, batch, classes, seed, generation) for batch in range(batches)]
    counts = torch.cat(parts).bincount(minlength=classes)
    assert counts.numel() == classes
    assert counts.max() - counts.min() <= 1
    again = balanced_classes(batch_size, batches - 1, classes, seed, generation)
    assert torch.equal(again, parts[-1])


def test_the_order_of_classes_differs_between_batches_seeds_and_generations():
    orders = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    drawn = {tuple(balanced_classes(50, b, 10, s, g).tolist()) for b, s, g in orders}
    assert len(drawn) == len(orders)


@given(kind=st.sampled_from(["balanced", "one_class", "pairs"]), batch=st.integers(0, 12), classes=st.integers(2, 9))
@settings(max_examples=60, deadline=None)
def test_first_targets_are_distributions_whose_most_probable_class_is_the_target_class(kind, batch, classes):
    choice = InvertTeacherSettings(targets=kind, batch_size=20, pair_share=(0.6, 0.9))
    own, targets = first_targets(choice, batch, classes)
    assert own.shape == (20,)
    assert targets.shape == (20, classes)
    torch.testing.assert_close(targets.sum(1), torch.ones(20))
    assert torch.equal(targets.argmax(1), own)
    again = first_targets(choice, batch, classes)
    assert torch.equal(targets, again[1])
    if kind == "one_class":
        assert own.unique().tolist() == [batch % classes]
    if kind == "pairs":
        assert ((targets > 0).sum(1) == 2).all()
        assert (targets.amax(1) >= 0.6).all()
        assert (targets.amax(1) <= 0.9).all()
    else:
        assert torch.equal(targets, one_hot(own, classes))


def test_a_higher_temperature_softens_labels_and_keeps_their_order(teacher: Teacher):
    images = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8)
    plain, soft = soft_labels(teacher, images), soft_labels(teacher, images, temperature=4.0)
    expected = (teacher(images / 255) / 4).softmax(1)
    torch.testing.assert_close(soft, expected)
    assert torch.equal(plain.argsort(1), soft.argsort(1))
    assert (soft.amax(1) < plain.amax(1)).all()


def test_one_hot_rows():
    assert one_hot(torch.tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.fixture
def teacher() -> Teacher:
    torch.manual_seed(0)
    spec = TeacherSpec(size=8, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.3))
    return Teacher(spec, cifar_resnet(8, (4, 6, 8)))


def test_soft_labels_are_the_teachers_probabilities_of_the_centre(teacher: Teacher):
    images = torch.randint(0, 256, (5, 3, 12, 12), dtype=torch.uint8)
    labels = soft_labels(teacher, images, batch_size=2)
    expected = teacher(images[:, :, 2:10, 2:10] / 255).softmax(1)
    assert labels.dtype == torch.float32
    torch.testing.assert_close(labels, expected)
    torch.testing.assert_close(labels.sum(1), torch.ones(5))


def test_report_of_two_images_worked_by_hand():
    targets = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    labels = torch.tensor([[0.5, 0.5 - 1e-9, 0.0], [0.6, 0.2, 0.2]])
    report = calibration_report(targets, labels, torch.tensor([0, 1]))
    assert report["agreement"] == 0.5
    assert report["entropy_before_nats"] == 0
    second = -(0.6 * math.log(0.6) + 0.4 * math.log(0.2))
    assert report["entropy_after_nats"] == pytest.approx((math.log(2) + second) / 2, rel=1e-5)
    assert report["label_shift"] == pytest.approx((0.5 + 0.8) / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("agreement", "classes", "doubtful"),
    [(0.1, 10, True), (0.3, 10, True), (0.56, 10, False), (1.0, 10, False), (0.5, 2, True), (0.8, 2, False)],
)
def test_an_agreement_nearer_to_chance_than_to_all_images_is_doubtful(agreement, classes, doubtful):
    story = doubt(agreement, classes)
    assert (story is not None) == doubtful
    if doubtful:
        assert f"{agreement:.1%} of them only (by chance {1 / classes:.1%})" in story
        assert "mean, std and size" in story


@pytest.mark.parametrize(
    ("agreement", "images", "classes", "near"),
    [
        (0.1, 400, 10, True),
        (0.0, 40, 10, True),
        (0.1, 40, 10, False),  # 40 images say too little
        (0.19, 10_000, 10, False),
        (0.17, 10_000, 10, True),
        (0.5, 2000, 2, True),
        (0.01, 1000, 1000, True),  # ten times chance, and of no use
        (0.0, 16, 1000, False),
        (1.0, 50_000, 10, False),
    ],
)
def test_an_agreement_is_near_chance_where_the_images_are_enough_to_say_so(agreement, images, classes, near):
    assert near_chance(agreement, images, classes) == near
