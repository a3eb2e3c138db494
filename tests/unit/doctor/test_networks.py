"""The teacher: loads, makes sense, and has what the synthesis needs."""

import pytest
import torch
from torch import nn

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.doctor.networks import check_networks, judge_answers

ARGUMENTS = {"depth": 8, "channels": 1, "classes": 10, "widths": [4, 8, 16]}


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    """Of a network whose BatchNorms have seen images."""
    torch.manual_seed(0)
    network = cifar_resnet(**ARGUMENTS)
    network(torch.rand(16, 1, 16, 16))
    return network.state_dict()


@pytest.fixture
def checked(make_config, tmp_path):
    """What is found of a teacher with some weights; without any, of one that is still to be trained."""

    def check(state=None, sources=("synthetic",), invert_teacher=None, **more):
        weights = None
        if state is not None:
            weights = str(tmp_path / "weights.pt")
            torch.save(state, weights)
        sections = {} if invert_teacher is None else {"invert_teacher": invert_teacher}
        config = make_config(teacher={"weights": weights, "arguments": ARGUMENTS} | more, **sections)
        return check_networks(config, list(sources))

    return check


def test_weights_that_fit(checked, state):
    findings = checked(state)
    assert [f.level for f in findings] == ["ok"]
    assert "7 BatchNorm2d, input 1 x 16 x 16, 10 classes" in findings[0].story


def test_a_teacher_that_is_still_to_be_trained(checked):
    findings = checked()
    assert "to be trained by pretrain_teacher" in findings[0].story


def test_values_that_are_no_numbers(checked, state):
    state["conv1.weight"][0, 0, 0, 0] = torch.nan
    findings = checked(state)
    assert (findings[0].level, "not finite" in findings[0].story) == ("failure", True)


def test_an_output_that_overflows(checked, state):
    name = next(name for name in state if name.endswith("weight") and state[name].ndim == 2)
    state[name].fill_(3e38)
    findings = checked(state)
    assert (findings[0].level, "not finite" in findings[0].story) == ("failure", True)


def test_a_teacher_that_says_the_same_of_every_image(checked, state):
    name = next(name for name in state if name.endswith("weight") and state[name].ndim == 2)
    state[name].zero_()
    findings = checked(state)
    assert (findings[0].level, "the same of every image" in findings[0].story) == ("failure", True)


@pytest.mark.parametrize(("weight", "level"), [(1.0, "failure"), (0.0, "warning")])
def test_batch_norms_as_before_any_training(checked, make_config, weight, level):
    """Images cannot aim at their statistics; where they do not, it is noticed."""
    torch.manual_seed(0)
    said = make_config().invert_teacher.plain() | {"feature_weight": weight}
    findings = checked(cifar_resnet(**ARGUMENTS).state_dict(), invert_teacher=said)
    assert [f.level for f in findings] == [level]
    assert "before any training (mean 0, variance 1)" in findings[0].story


def test_other_sizes_and_missing_files(checked, state):
    assert checked(state, classes=7)[0].level == "failure"
    assert checked(state, arguments=ARGUMENTS | {"depth": 14})[0].level == "failure"
    assert checked(weights="/nowhere/weights.pt")[0].level == "failure"
    assert checked(builder="dfnas.cifar_resnet:no_such_thing")[0].level == "failure"


class Plain(nn.Sequential):
    """A classifier without BatchNorm."""

    def __init__(self, classes: int):
        super().__init__(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))


def test_without_batch_norm_the_inversion_has_nothing_to_match(checked):
    plain = {"builder": f"{__file__}:Plain", "arguments": {"classes": 10}}
    findings = checked(**plain)
    assert (findings[-1].level, "invert_teacher.feature_weight" in findings[-1].story) == ("failure", True)
    assert [f.level for f in checked(sources=(), **plain)] == ["ok"]


def test_without_batch_norm_labels_cannot_be_by_the_statistics_of_a_batch(make_config):
    plain = {"weights": None, "builder": f"{__file__}:Plain", "arguments": {"classes": 10}}
    config = make_config(
        teacher=plain,
        comparison={"retrain_data": ["synthetic"]},
        retrain_synthetic={"labels": "teacher", "teacher_statistics": "batch"},
    )
    findings = check_networks(config, [])
    assert (findings[-1].level, "retrain_synthetic.teacher_statistics to stored" in findings[-1].story) == (
        "failure",
        True,
    )


def test_published_weights_that_are_not_here(checked, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    said = {"builder": "torchvision:resnet18", "weights": "published:IMAGENET1K_V1", "arguments": {}}
    none = dict.fromkeys(("classes", "channels", "size", "mean", "std", "class_names"))
    findings = checked(**said, **none, sources=())
    assert [f.level for f in findings] == ["warning"]
    assert "will be downloaded" in findings[0].story


def test_logits_that_hardly_differ_are_noticed():
    spec = TeacherSpec(builder="a:b", classes=3, channels=1, size=(8, 8), mean=(0.0,), std=(1.0,))
    network = Plain(3)
    with torch.no_grad():
        network[-1].weight.mul_(1e-4)
        network[-1].bias.zero_()
    assert judge_answers(Teacher(spec, network)).level == "warning"


class Softened(Plain):
    def forward(self, x):
        return super().forward(x).softmax(1)


class Dropping(Plain):
    def forward(self, x):
        return super().forward(nn.functional.dropout(x))


class Pixelwise(Plain):
    """BatchNorm of each batch, in a second network."""

    def __init__(self, classes: int):
        super().__init__(classes)
        self.insert(1, nn.BatchNorm2d(4, track_running_stats=False))


REFUSED = [
    (Softened, "returns probabilities that add up to 1"),
    (Dropping, "draws torch's random numbers in evaluation mode"),
    (Pixelwise, "its BatchNorm '1' normalises by the statistics of each batch"),
]


@pytest.mark.parametrize(("network", "story"), REFUSED)
@pytest.mark.parametrize("trained", [True, False])
def test_a_teacher_that_is_no_function_of_its_image_with_logits(checked, network, story, trained):
    state = network(10).state_dict() if trained else None
    findings = checked(state, builder=f"{__file__}:{network.__name__}", arguments={"classes": 10}, sources=())
    assert [finding.level for finding in findings] == ["failure"]
    assert story in findings[0].story


@pytest.mark.parametrize("role", ["verifier", "competitor"])
def test_a_second_network_that_is_no_function(make_config, tmp_path, role):
    torch.save(Pixelwise(10).state_dict(), tmp_path / "w.pt")
    second = {"weights": str(tmp_path / "w.pt"), "builder": f"{__file__}:Pixelwise", "arguments": {"classes": 10}}
    task = {"classes": 10, "channels": 1, "size": 16, "mean": [0.3], "std": [0.35]}
    findings = [f for f in check_networks(make_config(**{role: second | task}), []) if f.level == "failure"]
    assert len(findings) == 1
    assert "statistics of each batch" in findings[0].story
