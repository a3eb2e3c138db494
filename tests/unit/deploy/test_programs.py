"""ONNX and torch.export: every space, batches of any size, the same bytes again, and nothing of this machine inside."""

import sys
from pathlib import Path

import onnx
import pytest
import torch

from dfnas.deploy import programs
from dfnas.deploy.network import from_bytes
from dfnas.deploy.programs import deviation, from_onnx, from_pt2, logits_of, to_onnx, to_pt2, trace
from dfnas.runtime.errors import InputError
from dfnas.spaces.names import NAMES

pytestmark = pytest.mark.slow

SHAPE = (2, 8, 12)
PACKAGE = str(Path(programs.__file__).parents[1]).encode()


@pytest.mark.parametrize("space", NAMES)
def test_every_space_gives_the_same_logits_in_every_form_at_every_batch(space, trained):
    deployed = from_bytes(trained(space)[1])
    program = trace(deployed, SHAPE)
    batches = [torch.rand(count, *SHAPE) for count in (1, 2, 7)]
    expected = logits_of(deployed, batches)
    assert (expected.std(0) > 0).all(), "logits that tell nothing of the images compare nothing"
    for run in (from_pt2(to_pt2(program)), from_onnx(to_onnx(program))):
        assert deviation(logits_of(run, batches), expected) < 1e-5


def test_the_same_network_gives_the_same_bytes_and_none_that_tell_of_this_machine(trained):
    first, second = ([to(trace(from_bytes(trained("darts")[1]), SHAPE)) for to in (to_pt2, to_onnx)] for _ in range(2))
    assert first == second
    for content in first:
        assert PACKAGE not in content
        assert b"site-packages" not in content


def test_the_onnx_model_says_what_goes_in_and_out(trained):
    model = onnx.load_from_string(to_onnx(trace(from_bytes(trained("shufflenet")[1]), SHAPE)))
    onnx.checker.check_model(model, full_check=True)
    sides = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert sides == {"images": ["batch", *SHAPE], "logits": ["batch", 3]}
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]


def test_a_deviation_is_a_share_of_the_largest_logit():
    expected = torch.tensor([[1.0, -20.0], [3.0, 0.0]])
    assert deviation(expected, expected) == 0
    assert deviation(torch.zeros(1, 2), torch.zeros(1, 2)) == 0
    for sign in (1, -1):
        assert deviation(expected + sign * torch.tensor([0.1, 0.2]), expected) == pytest.approx(0.01, rel=1e-4)
    assert not deviation(expected * float("nan"), expected) <= 1


class Stubborn(torch.nn.Module):
    def forward(self, images):
        return images if images.sum() > 0 else -images


def test_a_network_that_cannot_be_traced_is_one_line(trained):
    deployed = from_bytes(trained("darts")[1])
    deployed.network = Stubborn()
    with pytest.raises(InputError, match=r"^the network cannot be exported by torch.export: .+$"):
        trace(deployed, SHAPE)


@pytest.mark.parametrize(("package", "use"), [("onnxscript", to_onnx), ("onnxruntime", from_onnx)])
def test_a_package_that_is_not_there_is_one_line(monkeypatch, package, use):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"an ONNX model needs the package {package}; install dfnas\[deploy\]"):
        use(None)
