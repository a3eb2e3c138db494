"""What a quality report says of teachers that lack a final linear layer or BatchNorm: nothing, and why."""

import pytest
import torch
from torch import nn

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.generations import LabelledImages
from dfnas.synthesis.quality import NO_HEAD, Quality, verdict


def report_of(network: nn.Module) -> dict:
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (12, 3, 10, 10), generator=rng, dtype=torch.uint8)
    labels, classes = torch.rand(12, 4, generator=rng).softmax(1), torch.arange(12) % 4
    batch = LabelledImages(images, classes, labels, nn.functional.one_hot(classes, 4).float())
    with Quality(Teacher(TeacherSpec(builder="a:b", classes=4, size=8), network)) as quality:
        quality.add(batch)
    return quality.report()


def headless() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def scripted() -> nn.Module:
    network = cifar_resnet(8, (4, 6, 8), classes=4).eval()
    return torch.jit.trace(network, torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize("build", [headless, pytest.param(scripted, marks=pytest.mark.filterwarnings("ignore"))])
def test_what_a_teacher_does_not_have_is_none_with_the_reason(build):
    report = report_of(build())
    assert report["class_similarity"] == {"correlation": None, "reason": NO_HEAD}
    assert report["diversity"]["vendi_score"] is None
    assert report["diversity"]["reason"] == NO_HEAD
    assert report["batch_norm"] is None
    assert report["targets"]["entropy_nats"] == 0


def test_a_common_teacher_has_everything():
    report = report_of(cifar_resnet(8, (4, 6, 8), classes=4))
    assert -1 <= report["class_similarity"]["correlation"] <= 1
    assert 1 <= report["diversity"]["vendi_score"]["within_class"] <= report["diversity"]["vendi_score"]["overall"] <= 8
    assert len(report["batch_norm"]["layers"]) == 7
    assert report["verifier_agreement"] is None


@pytest.mark.parametrize(
    ("agreement", "verified", "told"),
    [
        (0.985, None, "in 98.5% of them (by chance 10.0%)"),
        (0.2, None, "mean, std and size may not be those of its training"),
        (0.2, 0.3, "in them, in 30.0%"),
        (0.9, 0.8, "the verifier, which had no part in them, in 80.0%"),
        (0.9, 0.3, "in 30.0%: it sees much less of it than the teacher does"),
    ],
)
def test_agreements_in_words(agreement, verified, told):
    said = verdict(agreement, verified, 10)
    assert told in said
    assert ("much less" in said) is (agreement > 0.5 and verified is not None and verified < 0.5)
