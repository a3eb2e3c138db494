"""Every kind of builder, with weights from a file: networks of many makes, and inputs of any channels and size."""

import pytest
import torch
from importing import imported, same_logits
from torch import nn
from torchvision import models

from dfnas.classifiers.builders import build
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.examination import check_logits
from dfnas.classifiers.names import code_of, parse_builder
from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.errors import InputError

SMALL = {"classes": 3, "channels": 1, "size": [12, 20], "mean": [0.5], "std": [0.25]}
RGB = {"channels": 3, "mean": [0.5] * 3, "std": [0.25] * 3}


def user_section(builder: str) -> dict:
    return {"builder": builder, "arguments": {"channels": 1, "classes": 3}, **SMALL}


@pytest.mark.parametrize("form", ["{0}/own.py:leaky", "hub:{0}:leaky"], ids=["a file", "a folder's hubconf"])
def test_a_users_own_network(user_code, form):
    builder = form.format(user_code)
    network = build(builder, {"channels": 1, "classes": 3})
    torch.save({"state_dict": network.state_dict()}, user_code / "w.pt")
    teacher = imported(weights=str(user_code / "w.pt"), **user_section(builder))
    same_logits(teacher, network)
    assert [norm.num_features for norm in teacher.batch_norms()] == [4, 4]


def test_a_repository_is_asked_of_torchs_hub(monkeypatch):
    asked = {}
    monkeypatch.setattr(
        torch.hub, "load", lambda *place, **rest: asked.update({"place": place, **rest}) or nn.Linear(1, 1)
    )
    build("hub:owner/repo:v1.2:resnet", {"depth": 20})
    assert asked["place"] == ("owner/repo:v1.2", "resnet")
    assert asked["depth"] == 20
    assert asked["trust_repo"] is True


@pytest.mark.parametrize(
    ("builder", "size", "norms"),
    [
        ("torchvision:resnet18", [40, 48], 20),
        ("torchvision:mobilenet_v2", [32, 64], 52),
        ("timm:resnet10t", [40, 48], 14),
        ("timm:mobilenetv3_small_050", [32, 32], 34),
    ],
)
def test_models_of_libraries(tmp_path, builder, size, norms):
    network = build(builder, {"num_classes": 7})
    torch.save(network.state_dict(), tmp_path / "w.pt")
    section = {"builder": builder, "arguments": {"num_classes": 7}, "classes": 7, "size": size, **RGB}
    teacher = imported(weights=str(tmp_path / "w.pt"), **section)
    same_logits(teacher, network)
    assert len(teacher.batch_norms()) == norms


def test_a_thousand_classes(tmp_path):
    torch.save(models.resnet18().state_dict(), tmp_path / "w.pt")
    section = {"builder": "torchvision:resnet18", "classes": 1000, "size": 32, **RGB}
    assert imported(weights=str(tmp_path / "w.pt"), **section).spec.names()[999] == "999"


def test_grey_images_in_timm(tmp_path):
    arguments = {"in_chans": 1, "num_classes": 3}
    torch.save(build("timm:resnet10t", arguments).state_dict(), tmp_path / "w.pt")
    section = {"builder": "timm:resnet10t", "arguments": arguments, **SMALL, "size": [24, 32]}
    assert imported(weights=str(tmp_path / "w.pt"), **section).spec.size == (24, 32)


def test_a_vision_transformer_has_no_batch_norm_and_one_size(tmp_path):
    arguments = {"image_size": 32, "patch_size": 16, "num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8}
    path, rest = tmp_path / "own.py", {"classes": 1000, **RGB}
    path.write_text("from torchvision.models import VisionTransformer as vit\n")
    torch.save(build(f"{path}:vit", arguments).state_dict(), tmp_path / "w.pt")
    section = {"builder": f"{path}:vit", "arguments": arguments, "weights": str(tmp_path / "w.pt"), **rest}
    assert imported(size=32, **section).batch_norms() == []
    with pytest.raises(InputError, match="does not take images of 3 x 32 x 48"):
        imported(size=[32, 48], **section)


@pytest.mark.parametrize(
    ("builder", "story"),
    [
        ("timm:resnet18x", "Unknown model"),
        ("timm:", "not of the form"),
        ("hub:leaky", "not of the form hub:<owner/repo[:ref] or folder>:<entry>"),
        ("hub:/no/such:leaky", "neither owner/repo nor a folder with a hubconf.py"),
        ("hub:{0}:none", "Cannot find callable none"),
        ("{0}/own.py:broken", "no such"),
    ],
)
def test_what_builds_nothing_is_one_line(user_code, builder, story):
    with pytest.raises(InputError) as caught:
        build(builder.format(user_code), {})
    assert story in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_users_code_behind_a_builder(user_code):
    assert code_of("torchvision:resnet50") == code_of("timm:resnet18.a1_in1k") == code_of("torchscript") == ()
    assert code_of("hub:owner/repo:main:entry") == ()
    assert code_of("package.module:name") == ("package.module:name",)
    assert code_of(f"hub:{user_code}:leaky") == (f"{user_code}/hubconf.py:leaky",)


def test_builders_are_told_by_their_form():
    assert parse_builder("hub:owner/repo:main:entry") == ("hub", "entry", "owner/repo:main")
    assert parse_builder("timm:resnet18.a1_in1k") == ("timm", "resnet18.a1_in1k", "")
    assert parse_builder("torchscript").kind == "torchscript"
    assert parse_builder("own.py:net").kind == "object"


USERS = """
import sys
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)

    def forward(self, x):
        return self.layer(x.mean((2, 3)))[:, :missing]


def fails(depth=3):
    return [Net()][depth]


def leaves():
    sys.exit()
"""


@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("fails", "refused to build: IndexError: list index out of range (own_net.py:16)"),
        ("leaves", "refused to build: it calls sys.exit() (own_net.py:20)"),
    ],
)
@pytest.mark.parametrize("section", ["teacher", "judge_images"])
def test_what_fails_in_a_builder_of_the_users_is_told_with_its_line(name, story, section, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_net.py").write_text(USERS)
    with pytest.raises(InputError) as caught:
        build(f"own_net.py:{name}", {}, section)
    assert str(caught.value) == f"{section}.builder 'own_net.py:{name}' {story}"


def test_what_fails_in_a_forward_of_the_users_is_told_with_its_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_net.py").write_text(USERS)
    spec = TeacherSpec(builder="own_net.py:Net", classes=2, channels=3, size=(8, 8), mean=(0.0,) * 3, std=(1.0,) * 3)
    with pytest.raises(InputError, match=r"NameError: name 'missing' is not defined \(own_net\.py:12\)"):
        check_logits(Teacher(spec, build(spec.builder, {})), "own.pt")


@pytest.mark.parametrize(
    ("text", "story"),
    [
        ("import sys\nsys.exit(0)\n", "it calls sys.exit(0) (at_import.py:2)"),
        ("import torch\nimport torchvisoin\n", "ModuleNotFoundError: No module named 'torchvisoin' (at_import.py:2)"),
        ("width = (3\n", "not Python: '(' was never closed (at_import.py:1)"),
    ],
)
def test_what_fails_in_an_import_of_the_users_is_told_with_its_line(text, story, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "at_import.py").write_text(text)
    with pytest.raises(InputError) as caught:
        build("at_import.py:net", {})
    assert str(caught.value) == f"'at_import.py:net' cannot be imported: {story}"
