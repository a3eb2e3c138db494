"""Networks that a builder leaves unfinished: without sizes, without memory, in another precision."""

import pytest
import torch
from torch import nn

from dfnas.classifiers.assembly import assemble, build_network
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.materials import lay_into
from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.errors import InputError

CODE = """
import torch
from torch import nn

def plain():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 24, 3))

def lazy():
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))

def meta():
    with torch.device("meta"):
        return plain()

class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = plain()
        self.register_buffer("scale", torch.ones(3), persistent=False)

    def forward(self, x):
        return self.net(x) * self.scale

def meta_with_a_table():
    with torch.device("meta"):
        return Scaled()

class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.net, self.more = plain(), nn.LazyLinear(3)

    def forward(self, x):
        return self.net(x)

def half():
    return plain().half()

def double():
    return plain().double()
"""


@pytest.fixture
def spec(tmp_path):
    """spec(name): of one of the builders, for images of 8 x 6 pixels."""
    (tmp_path / "own.py").write_text(CODE)
    return lambda name, channels=1: TeacherSpec(
        builder=f"{tmp_path}/own.py:{name}", classes=3, channels=channels, size=(8, 6), mean=(0.5,), std=(0.25,)
    )


@pytest.fixture
def trained(spec) -> nn.Module:
    torch.manual_seed(0)
    network = build_network(spec("plain")).eval()
    network[1].running_mean.normal_()
    return network


@pytest.mark.parametrize("counters", [True, False])
@pytest.mark.parametrize("name", ["plain", "lazy", "meta", "half", "double"])
def test_weights_fit_and_give_the_same_logits(name, counters, spec, trained):
    state = {key: value for key, value in trained.state_dict().items() if counters or "num_batches" not in key}
    teacher = assemble(spec(name), state, "w.pt")
    images = torch.rand(3, 1, 8, 6)
    torch.testing.assert_close(teacher.network(images), trained(images), rtol=0, atol=0)
    assert all(value.dtype == torch.float32 for value in teacher.parameters())
    assert len(teacher.batch_norms()) == 1


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 0), (torch.float16, 1e-3), (torch.bfloat16, 1e-2), (torch.float8_e4m3fn, 0.1)],
)
def test_weights_of_another_precision_become_float32(dtype, tolerance, spec, trained):
    state = {name: v.to(dtype) if v.is_floating_point() else v for name, v in trained.state_dict().items()}
    loaded = assemble(spec("plain"), state, "w.pt").network.state_dict()
    for name, value in trained.state_dict().items():
        assert loaded[name].dtype == value.dtype
        torch.testing.assert_close(loaded[name], value, rtol=tolerance, atol=tolerance / 10)


def refused(call, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_lazy_layers_can_be_trained_from_scratch(spec):
    network = build_network(spec("lazy"))
    assert network.training
    assert network[4].in_features == 96
    assert Teacher(spec("lazy"), network).batch_norms()[0].num_features == 4


def test_what_no_checkpoint_gives_values_to_is_refused(spec, trained):
    assert "leaves '0.weight' without values, on the device meta" in refused(build_network, spec("meta"))
    state = {f"net.{name}": value for name, value in trained.state_dict().items()}
    story = refused(assemble, spec("meta_with_a_table"), state, "w.pt")
    assert "leaves 'scale' without values, on the device meta; have it built on the CPU" in story


def test_lazy_layers_that_get_no_size_are_refused(spec, trained):
    state = {f"net.{name}": value for name, value in trained.state_dict().items()}
    assert "a lazy layer that no image reaches ('more.weight')" in refused(assemble, spec("Unused"), state, "w.pt")
    small = TeacherSpec(builder=spec("lazy").builder, classes=3, channels=1, size=2, mean=(0.5,), std=(0.25,))
    story = refused(assemble, small, {}, "w.pt")
    assert "has lazy layers, which take their sizes from an image, and does not take one of 1 x 2 x 2" in story


@pytest.mark.parametrize("name", ["lazy", "meta"])
def test_weights_without_values_are_refused(name, spec):
    namespace: dict = {}
    exec(CODE, namespace)
    state = namespace[name]().state_dict()
    assert "'0.weight' has no values (a lazy layer, or the device meta)" in refused(assemble, spec(name), state, "w.pt")


class Versioned(nn.Linear):
    """As torchvision's MNASNet, it refuses weights that do not say of which version of it they are."""

    _version = 2

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *others):
        if local_metadata.get("version") != 2:
            raise ValueError("version should be set")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)


def test_weights_that_fit_are_of_the_present_version():
    network, weights = Versioned(2, 3), {"weight": torch.ones(3, 2), "bias": torch.zeros(3)}
    lay_into(network, weights, "it")
    assert torch.equal(network.weight, weights["weight"])
