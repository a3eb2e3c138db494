"""Teachers: what loads, and what is refused in one line that names the file."""

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from dfnas.classifiers.assembly import assemble, build_network
from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.examination import check_logits
from dfnas.classifiers.teacher import Teacher
from dfnas.classifiers.weights import find_state_dict
from dfnas.dataset.originals import load_originals
from dfnas.measure.complexity import count_parameters
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import load_archive
from dfnas.settings.dataset import ShardOriginalSettings

BUILDER = "dfnas.cifar_resnet:cifar_resnet"
WHERE = "teacher.pt"
SPEC = TeacherSpec(
    builder=BUILDER,
    arguments={"depth": 8, "widths": (2, 4, 4), "channels": 1, "classes": 3},
    classes=3,
    channels=1,
    size=8,
    mean=(0.5,),
    std=(0.25,),
)
DATA = os.environ.get("DFNAS_DATA")
with_data = pytest.mark.skipif(not DATA, reason="DFNAS_DATA is not set: real checkpoints and CIFAR-10 are elsewhere")


class Wrapped(nn.Module):
    """A network that itself keeps everything in an attribute `model`."""

    def __init__(self):
        super().__init__()
        self.model = build_network(SPEC)

    def forward(self, x):
        return self.model(x)


class Picky(Wrapped):
    def forward(self, x):
        assert x.shape[-1] == 224, "Wrong image height! Expected 224"


class Pair(Wrapped):
    def forward(self, x):
        return {"out": self.model(x)}


class Overflowing(Wrapped):
    def forward(self, x):
        return self.model(x) * torch.inf


def state(seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return build_network(SPEC).state_dict()


def prefixed(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in state().items()}


def load(checkpoint, spec=SPEC) -> Teacher:
    return assemble(spec, find_state_dict(checkpoint, WHERE), WHERE)


def local(name: str, **values) -> TeacherSpec:
    return TeacherSpec(**{**SPEC.as_dict(), "builder": f"{__file__}:{name}", "arguments": {}, **values})


def refused(checkpoint, spec=SPEC) -> str:
    with pytest.raises(InputError) as caught:
        load(checkpoint, spec)
    assert "\n" not in str(caught.value)
    return str(caught.value)


CHECKPOINTS = {
    "bare": state(),
    "state_dict": {"state_dict": state(), "epoch": 3, "best_prec1": 91.7},
    "a tensor beside it": {"epoch": 3, "state_dict": state(), "best_acc1": torch.tensor(91.7)},
    "two deep": {"model": {"state_dict": state()}, "optimizer": {"state": {}}},
    "net": {"net": state(), "acc": 0.9},
    "parallel": {"state_dict": prefixed("module.")},
    "compiled": prefixed("_orig_mod."),
    "compiled, then parallel": prefixed("module._orig_mod."),
    "parallel, then compiled": prefixed("_orig_mod.module."),
    "lightning": {"state_dict": prefixed("model."), "hyper_parameters": {"lr": 0.1}},
    "no counters": {name: value for name, value in state().items() if "num_batches" not in name},
    "half precision": {name: value.half() if value.is_floating_point() else value for name, value in state().items()},
}


@pytest.mark.parametrize("checkpoint", CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_weights_are_found_wherever_they_are(checkpoint):
    loaded = load(checkpoint).network.state_dict()
    for name, value in state().items():
        torch.testing.assert_close(loaded[name], value, atol=2e-3, rtol=1e-2)
    assert all(value.dtype != torch.float16 for value in loaded.values())


@pytest.mark.parametrize("prefix", ["", "module.", "model.module."])
def test_a_prefix_that_the_network_itself_has_is_kept(prefix):
    state = Wrapped().state_dict()
    loaded = load({prefix + name: value for name, value in state.items()}, local("Wrapped")).network.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


@pytest.mark.parametrize("checkpoint", [None, [], {}, {"epoch": 3}, {"state_dict": {}}, {"state_dict": None}, 3.0])
def test_a_checkpoint_without_weights_is_refused(checkpoint):
    assert refused(checkpoint).startswith(f"{WHERE} holds no weights: expected a state dict")


@pytest.mark.parametrize(
    ("change", "story"),
    [
        (lambda s: s.pop("linear.bias"), "it has no 'linear.bias' (1 missing)"),
        (lambda s: s.update(fc=torch.ones(1)), "it has an unknown 'fc'"),
        (lambda s: s.update({"linear.weight": torch.ones(10, 4)}), "'linear.weight' is (10, 4), expected (3, 4)"),
        (lambda s: s.update({"conv1.weight": torch.ones(2, 3, 3, 3)}), "'conv1.weight' is (2, 3, 3, 3)"),
        (lambda s: s["bn1.running_var"].fill_(torch.nan), "'bn1.running_var' has values that are not finite"),
        (lambda s: s["conv1.weight"].view(-1)[5].fill_(torch.inf), "'conv1.weight' has values that are not finite"),
    ],
)
def test_weights_that_do_not_fit_or_are_damaged_are_refused(change, story):
    weights = state()
    change(weights)
    message = refused(weights)
    assert message.startswith(WHERE)
    assert story in message


@pytest.mark.parametrize(
    ("values", "story"),
    [
        ({"classes": 10}, "returns logits of shape (2, 3), expected (2, 10)"),
        ({"channels": 3, "mean": (0.5,) * 3, "std": (0.5,) * 3}, "does not take images of 3 x 8 x 8"),
    ],
)
def test_a_teacher_of_another_task_is_refused(values, story):
    assert story in refused(state(), TeacherSpec(**{**SPEC.as_dict(), **values}))


@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("Picky", "does not take images of 1 x 8 x 8: AssertionError: Wrong image height"),
        ("Pair", "returns a dict, expected a tensor of logits"),
        ("Overflowing", "logits are not finite on a grey image"),
    ],
)
def test_a_network_that_does_not_classify_is_refused(name, story):
    assert story in refused(Wrapped().state_dict(), local(name))


@pytest.mark.parametrize(
    ("builder", "arguments", "story"),
    [
        ("torchvision:resnet51", {}, "Unknown model resnet51"),
        ("torchvision:resnet18", {"widht": 2}, "refused {'widht': 2}"),
        (BUILDER, {"depth": 9}, "depth = 9: expected 6n + 2"),
        (BUILDER, {"deep": 20}, "unexpected keyword argument 'deep'"),
        ("dfnas.cifar_resnet:resnet", {}, "nothing called resnet"),
        ("dfnas.no_such:resnet", {}, "no module dfnas.no_such"),
        ("builtins:dict", {}, "returned a dict, not a torch module"),
        ("resnet50", {}, "not of the form module:name"),
    ],
)
def test_a_builder_that_builds_no_network_is_refused(builder, arguments, story):
    with pytest.raises(InputError) as caught:
        build_network(TeacherSpec(builder=builder, arguments=arguments))
    assert story in str(caught.value)
    assert "\n" not in str(caught.value)


def test_torchvision_models_are_built_without_weights_from_the_net():
    network = build_network(TeacherSpec(builder="torchvision:resnet18", arguments={"num_classes": 7}))
    assert network.fc.out_features == 7


def test_a_teacher_normalises_stays_frozen_and_in_evaluation():
    teacher = load(state())
    images = torch.rand(4, 1, 8, 8)
    torch.testing.assert_close(teacher(images), teacher.network((images - 0.5) / 0.25))
    before = teacher(images)
    teacher.train()
    teacher(10 * images)
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert torch.equal(teacher(images), before)


def test_batch_norms_come_in_the_order_of_the_network():
    norms = load(state()).batch_norms()
    assert [norm.num_features for norm in norms] == [2, 2, 2, 4, 4, 4, 4]


def test_a_description_survives_as_plain_values():
    assert TeacherSpec.from_dict(SPEC.as_dict()) == SPEC
    assert SPEC.names() == ("0", "1", "2")
    assert TeacherSpec(builder="x:y", class_names=("a", "b"), classes=2).names() == ("a", "b")


def test_check_logits_leaves_no_gradient_behind():
    teacher = load(state())
    check_logits(teacher, WHERE)
    assert all(parameter.grad is None for parameter in teacher.parameters())


@pytest.mark.parametrize(("depth", "parameters"), [(20, 269_722), (56, 853_018)])
def test_cifar_resnets_have_the_parameters_of_the_shared_checkpoints(depth, parameters):
    assert count_parameters(cifar_resnet(depth)) == parameters


@pytest.mark.parametrize("depth", [2, 7, 9, 21])
def test_depths_are_6n_plus_2(depth):
    with pytest.raises(ValueError, match="6n \\+ 2"):
        cifar_resnet(depth)


CIFAR10 = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@with_data
@pytest.mark.parametrize(("file", "depth", "accuracy"), [("resnet20-12fca82f.th", 20, 91.64)])
def test_a_public_checkpoint_reaches_its_accuracy(file, depth, accuracy):
    path = Path(DATA) / "teachers" / file
    spec = TeacherSpec(builder=BUILDER, arguments={"depth": depth}, **CIFAR10)
    teacher = assemble(spec, find_state_dict(load_archive(path), str(path)), str(path))
    settings = ShardOriginalSettings(source="npz", path=f"{DATA}/cifar10/cifar10.npz", **CIFAR10)
    originals = load_originals(settings)
    images, classes = (torch.from_numpy(values[originals.test]) for values in (originals.images, originals.classes))
    assert len(images) == 1017
    with torch.no_grad():
        right = sum(
            (teacher(x / 255).argmax(1) == y).sum() for x, y in zip(images.split(128), classes.split(128), strict=True)
        )
    assert 100 * right.item() / 1017 == pytest.approx(accuracy, abs=0.005)
