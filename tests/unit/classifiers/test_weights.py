"""Weights: files of any form, what libraries publish, and what is known of either."""

import pickle

import pytest
import torch
from importing import imported, same_logits
from torchvision.models import ResNet18_Weights, get_weight, resnet18

from dfnas.classifiers.metadata import complete
from dfnas.classifiers.weights import read_weights
from dfnas.runtime.errors import InputError
from dfnas.settings.teacher import TeacherSettings

SMALL = {"classes": 3, "channels": 1, "size": 8, "mean": [0.5], "std": [0.25]}
RESNET18 = "resnet18-f37072fd.pth"


def settings(**values) -> TeacherSettings:
    return TeacherSettings.parse(values, "teacher")


def refused(action, **values) -> str:
    with pytest.raises(InputError) as caught:
        action(settings(**values))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return resnet18()


class Hostile:
    def __reduce__(self):
        return (open, ("touched", "w"))


def test_safetensors(tmp_path, user_code):
    from safetensors.torch import save_file

    own = {"builder": f"{user_code}/own.py:leaky", **SMALL}
    state = imported(weights="published", **own).network.state_dict()
    save_file({f"module.{name}": value for name, value in state.items()}, tmp_path / "w.safetensors")
    loaded = imported(weights=str(tmp_path / "w.safetensors"), **own).network.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())
    content = (tmp_path / "w.safetensors").read_bytes()
    for broken in (content[:100], content[8:], b""):
        (tmp_path / "w.safetensors").write_bytes(broken)
        story = refused(read_weights, weights=str(tmp_path / "w.safetensors"), **own)
        assert "w.safetensors is damaged or not a safetensors file" in story


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.bin", "w.safetensors", "w.th"])
@pytest.mark.parametrize("wrap", [lambda bad: bad, lambda bad: {"state_dict": bad}], ids=["bare", "nested"])
def test_no_code_in_a_checkpoint_is_run(tmp_path, monkeypatch, name, wrap):
    monkeypatch.chdir(tmp_path)
    for write in (
        lambda path: torch.save(wrap(Hostile()), path),
        lambda path: path.write_bytes(pickle.dumps(Hostile())),
    ):
        write(tmp_path / name)
        refused(read_weights, weights=str(tmp_path / name), **SMALL)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    "weights", ["published", "published:IMAGENET1K_V1", "published:ResNet18_Weights.IMAGENET1K_V1"]
)
def test_what_torchvision_publishes_comes_with_all_that_is_known(cache, network, weights):
    torch.save(network.state_dict(), cache / RESNET18)
    teacher = imported(builder="torchvision:resnet18", weights=weights)
    same_logits(teacher, network, 1)
    spec = teacher.spec
    assert (spec.size, spec.channels, spec.classes) == ((224, 224), 3, 1000)
    assert (spec.mean, spec.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert spec.names()[:2] == ("tench", "goldfish")


def test_what_is_downloaded_has_the_hash_in_its_name(cache, network, tmp_path, monkeypatch):
    torch.save(network.state_dict(), tmp_path / "resnet18-01234567.pth")
    url = f"file://{tmp_path}/resnet18-01234567.pth"
    monkeypatch.setattr(ResNet18_Weights.IMAGENET1K_V1.value, "url", url)
    story = refused(read_weights, builder="torchvision:resnet18", weights="published")
    assert "invalid hash value" in story
    assert "set weights to its path" in story


def test_weights_that_cannot_be_downloaded_are_one_line(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(ResNet18_Weights.IMAGENET1K_V1.value, "url", f"file://{tmp_path}/absent-01234567.pth")
    story = refused(read_weights, builder="torchvision:resnet18", weights="published")
    assert story.startswith("teacher.weights = 'published' for torchvision:resnet18 cannot be had: ")


def test_published_weights_do_not_fit_another_number_of_classes(cache, network):
    torch.save(network.state_dict(), cache / RESNET18)
    with pytest.raises(InputError, match=r"'fc\.weight' is \(1000, 512\), expected \(7, 512\)"):
        imported(builder="torchvision:resnet18", weights="published", arguments={"num_classes": 7}, classes=7)


def test_a_file_with_the_name_of_a_published_one_is_known(tmp_path):
    found = complete(settings(builder="torchvision:resnet50", weights=f"{tmp_path}/resnet50-0676ba61.pth"))
    assert (found.size, found.classes, found.class_names[0]) == ((224, 224), 1000, "tench")
    assert found.weights == f"{tmp_path}/resnet50-0676ba61.pth"


def test_what_a_section_says_goes_before_the_metadata(tmp_path):
    found = complete(settings(builder="torchvision:resnet50", weights="published", size=[160, 192], std=[1, 1, 1]))
    assert (found.size, found.std, found.mean) == ((160, 192), (1, 1, 1), (0.485, 0.456, 0.406))


@pytest.mark.parametrize("model", ["googlenet", "inception_v3"])
def test_published_weights_of_inception_go_with_their_own_normalisation(model):
    assert complete(settings(builder=f"torchvision:{model}", weights="published")).arguments == {
        "transform_input": True
    }


def test_a_complete_section_asks_no_library():
    complete(settings(builder="timm:no_such_model", weights="w.pt", class_names=["a", "b", "c"], **SMALL))


@pytest.mark.parametrize(
    ("values", "story"),
    [
        (
            {"builder": "torchvision:resnet18", "weights": "mine.pt"},
            "set teacher.classes, teacher.channels, teacher.size",
        ),
        ({"builder": "torchvision:resnet18", "weights": "mine-0123abcd.pth"}, "set teacher.classes"),
        (
            {"builder": "timm:resnet18", "weights": "mine.pt", "mean": [0] * 3},
            "set teacher.classes, teacher.size, teacher.std",
        ),
        (
            {"builder": "torchvision:resnet18", "weights": "published:V3"},
            "publishes for resnet18: IMAGENET1K_V1, DEFAULT",
        ),
        ({"builder": "torchvision:resnet19", "weights": "published"}, "Unknown model resnet19"),
        ({"builder": "timm:resnet18", "weights": "published:none"}, "timm has no weights 'resnet18.none'"),
        ({"builder": "torchscript", "weights": "net.pt"}, "set teacher.classes"),
        ({"class_names": ["a", "b"]}, "set teacher.channels, teacher.size, teacher.mean, teacher.std"),
    ],
)
def test_what_nothing_says_has_to_be_set(values, story):
    assert story in refused(complete, **values)


def test_every_published_classifier_of_torchvision_says_all():
    for name in ("VGG11_BN_Weights.IMAGENET1K_V1", "ViT_B_16_Weights.DEFAULT", "EfficientNet_B0_Weights.DEFAULT"):
        model = name.partition("_Weights")[0].lower()
        found = complete(settings(builder=f"torchvision:{model}", weights=f"published:{name}"))
        assert found.classes == len(get_weight(name).meta["categories"])


def test_what_timm_publishes(tmp_path):
    import timm

    torch.manual_seed(0)
    network = timm.create_model("resnet10t")
    torch.save(network.state_dict(), tmp_path / "w.pth")
    section = {"builder": "timm:resnet10t", "weights": "published"}
    local = {"pretrained_cfg_overlay": {"file": str(tmp_path / "w.pth")}}
    teacher = imported(arguments=local, **section)
    same_logits(teacher, network, 1)
    assert (teacher.spec.size, teacher.spec.classes) == ((176, 176), 1000)
    assert teacher.spec.names()[0] == "tench, Tinca tinca"
    story = refused(read_weights, arguments=local | {"num_classes": 7}, **section)
    assert "published with 1000 classes, and with 7 its classifier would be untrained" in story


def test_metadata_of_timm_by_tag_with_a_file_of_ones_own():
    found = complete(settings(builder="timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k", weights="w.safetensors"))
    assert (found.size, found.mean, len(found.class_names)) == ((224, 224), (0.5, 0.5, 0.5), 1000)
    fewer = {"builder": "timm:resnet18.a1_in1k", "arguments": {"num_classes": 7, "in_chans": 1}, "weights": "w.pt"}
    found = complete(settings(mean=[0.5], std=[0.5], **fewer))
    assert (found.classes, found.channels, found.class_names) == (7, 1, ())


@pytest.mark.parametrize("form", ["{0}/own.py:trained", "hub:{0}:trained"], ids=["a file", "a folder's hubconf"])
def test_a_callable_that_returns_its_network_trained(user_code, form):
    teacher = imported(builder=form.format(user_code), weights="published", **SMALL)
    assert teacher.network[8].bias.tolist() == [7.0] * 3
