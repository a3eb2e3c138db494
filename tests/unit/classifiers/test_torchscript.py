"""TorchScript files as teachers: the same logits, and BatchNorm layers that can be hooked."""

import copy
import io
import warnings

import pytest
import torch
from importing import imported
from torch import nn
from torchvision import models

from dfnas.artifacts.teacher import load_teacher, save_teacher
from dfnas.classifiers.torchscript import ScriptNetwork
from dfnas.measure.complexity import count_macs, count_parameters
from dfnas.runtime.errors import InputError

pytestmark = pytest.mark.slow

SIZE = (40, 48)
RGB = {"channels": 3, "mean": [0.5] * 3, "std": [0.25] * 3}
EXPORTS = {
    "trace": lambda network, images: torch.jit.trace(network, images, check_trace=False),
    "script": lambda network, images: torch.jit.script(network),
    "frozen": lambda network, images: torch.jit.freeze(torch.jit.script(network), optimize_numerics=False),
}


def network_of(name: str) -> nn.Module:
    torch.manual_seed(0)
    network = models.get_model(name, weights=None, num_classes=7).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return network


def content(network: nn.Module, export: str, images: torch.Tensor) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        buffer = io.BytesIO()
        torch.jit.save(EXPORTS[export](network, images), buffer)
    return buffer.getvalue()


def refused(network: nn.Module, export: str, images: torch.Tensor) -> str:
    with pytest.raises(InputError) as caught:
        ScriptNetwork(content(network, export, images), images, "net.pt")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "export"),
    [
        *(("resnet18", export) for export in EXPORTS),
        ("mobilenet_v2", "trace"),
        ("mobilenet_v2", "script"),
        ("shufflenet_v2_x0_5", "trace"),  # steps on shapes
        ("densenet121", "script"),  # lists that grow
    ],
)
def test_the_network_is_that_of_the_script(name, export):
    network, images = network_of(name), torch.rand(2, 3, *SIZE)
    ours = ScriptNetwork(content(network, export, images), images, "net.pt").eval()
    more = torch.rand(5, 3, *SIZE)
    with torch.no_grad():
        torch.testing.assert_close(ours(more), network(more), rtol=0, atol=0)
        torch.testing.assert_close(copy.deepcopy(ours)(more), ours(more), rtol=0, atol=0)
    theirs = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len([m for m in ours.modules() if isinstance(m, nn.BatchNorm2d)]) == len(theirs)
    assert count_parameters(ours) == count_parameters(network)
    assert count_macs(ours, 3, *SIZE) == count_macs(network, 3, *SIZE)


def test_hooks_see_what_reaches_a_batch_norm_and_gradients_reach_the_image(tmp_path):
    network, images = network_of("resnet18"), torch.rand(2, 3, *SIZE)
    (tmp_path / "net.pt").write_bytes(content(network, "script", images))
    teacher = imported(builder="torchscript", weights=str(tmp_path / "net.pt"), classes=7, size=list(SIZE), **RGB)
    theirs = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    seen: dict[str, list] = {"ours": [], "theirs": []}
    for name, norms in (("ours", teacher.batch_norms()), ("theirs", theirs)):
        for norm in norms:
            norm.register_forward_hook(lambda _, inputs, __, name=name: seen[name].append(inputs[0].mean().item()))
    ours, same = images.clone().requires_grad_(), images.clone().requires_grad_()
    teacher.network(ours).square().sum().backward()
    network(same).square().sum().backward()
    assert sorted(seen["ours"]) == pytest.approx(sorted(seen["theirs"]), rel=1e-6)
    torch.testing.assert_close(ours.grad, same.grad)


def test_the_teacher_that_later_stages_read_is_rebuilt_from_its_archive(tmp_path):
    network, images = network_of("mobilenet_v2"), torch.rand(2, 3, *SIZE)
    (tmp_path / "net.pt").write_bytes(content(network, "trace", images))
    section = {"builder": "torchscript", "weights": str(tmp_path / "net.pt"), "classes": 7, "size": list(SIZE), **RGB}
    teacher = imported(**section)
    state = {"torchscript": torch.frombuffer(bytearray((tmp_path / "net.pt").read_bytes()), dtype=torch.uint8)}
    (tmp_path / "net.pt").unlink()
    save_teacher(tmp_path / "teacher.pt", teacher.spec, state, {})
    loaded = load_teacher(tmp_path / "teacher.pt", torch.device("cpu"))
    with torch.no_grad():
        torch.testing.assert_close(loaded(images), teacher(images), rtol=0, atol=0)


class Norms(nn.Module):
    """BatchNorm over images without weights, over vectors, and one that several places use."""

    def __init__(self):
        super().__init__()
        self.conv, self.shared = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4, affine=False)
        self.flat, self.linear = nn.BatchNorm1d(4), nn.Linear(4, 3)

    def forward(self, x):
        x = self.shared(torch.relu_(self.shared(self.conv(x))))
        return self.linear(self.flat(x.mean((2, 3))))


@pytest.mark.parametrize("export", ["trace", "script"])
def test_norms_of_every_make(export):
    network, images = Norms().eval(), torch.rand(2, 1, 12, 20)
    ours = ScriptNetwork(content(network, export, images), images, "net.pt").eval()
    with torch.no_grad():
        torch.testing.assert_close(ours(images), network(images), rtol=0, atol=0)
    assert [type(norm) for norm in ours.norms.values()] == [nn.BatchNorm2d, nn.BatchNorm2d, nn.BatchNorm1d]
    assert count_parameters(ours) == count_parameters(network)


def test_half_precision_becomes_single():
    network, images = Norms().eval(), torch.rand(2, 1, 12, 20)
    ours = ScriptNetwork(content(network.half(), "script", images), images, "net.pt")
    assert {value.dtype for value in ours.parameters()} == {torch.float32}


class Branching(nn.Module):
    def forward(self, x):
        return x.flatten(1) if bool(x.sum() > 0) else x.flatten(1) + 1


class Looping(nn.Module):
    def forward(self, x):
        for _ in range(int(x.sum())):
            x = x + 1
        return x.flatten(1)


class Two(nn.Module):
    def forward(self, x, y):
        return x + y


@pytest.mark.parametrize(
    ("network", "story"),
    [
        (Branching(), "control flow that freezing does not resolve; export it with torch.jit.trace"),
        (Looping(), "contains prim::Loop, which is no operation on tensors; export it with torch.jit.trace"),
        (Two(), "takes 2 inputs, expected one"),
    ],
)
def test_what_is_more_than_a_graph_is_refused(network, story):
    assert story in refused(network.eval(), "script", torch.rand(2, 1, 4, 4))


def test_a_trace_of_a_network_in_training_is_refused():
    story = refused(Norms().train(), "trace", torch.rand(2, 1, 12, 20))
    assert "call eval() before the export" in story


def test_an_input_that_does_not_fit_is_refused():
    network = Norms().eval()
    with pytest.raises(InputError, match=r"net\.pt does not take images of 3 x 12 x 20: aten::"):
        ScriptNetwork(content(network, "script", torch.rand(2, 1, 12, 20)), torch.rand(2, 3, 12, 20), "net.pt")


def test_what_is_no_torchscript_is_refused(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pt")
    section = {"builder": "torchscript", "classes": 3, "size": 8, **RGB}
    with pytest.raises(InputError, match=r"w\.pt cannot be loaded as a TorchScript file"):
        imported(weights=str(tmp_path / "w.pt"), **section)
    with pytest.raises(InputError, match="must be the TorchScript file"):
        imported(weights="published", **section)


def test_a_torchscript_file_with_another_builder_is_told(tmp_path):
    (tmp_path / "net.pt").write_bytes(content(Norms().eval(), "script", torch.rand(2, 1, 12, 20)))
    with pytest.raises(
        InputError, match=r"is a TorchScript file, which is a network of its own; set teacher.builder: torchscript"
    ):
        imported(weights=str(tmp_path / "net.pt"), classes=3, size=8, **RGB)
