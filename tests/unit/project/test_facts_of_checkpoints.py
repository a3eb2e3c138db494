"""What is read off a checkpoint, what is asked, and how."""

import io

import pytest
import torch
from torch import nn

from dfnas.project.classifier import find_out
from dfnas.project.questions import QUESTIONS, answers, normalisation
from dfnas.runtime.errors import InputError
from dfnas.runtime.seeds import reseed

NETWORK = """
from torch import nn

def build(width=4, in_chans=3, num_classes=10):
    return nn.Sequential(
        nn.Conv2d(in_chans, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, num_classes))

def flat(classes):
    return nn.Sequential(nn.Conv2d(1, 2, 3, 2, 1), nn.Flatten(), nn.Linear(2 * 12 * 12, classes))
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    """The module of a user's, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NETWORK)
    space: dict = {}
    exec(NETWORK, space)
    reseed(0, "weights")
    return space


def refuse(missing, why):
    raise InputError(f"{why}; say {', '.join(QUESTIONS[key].flag for key in missing)}")


def test_classes_and_channels_are_those_of_the_weights(net):
    network = net["build"](in_chans=1, num_classes=7)
    network(torch.rand(16, 1, 20, 20))
    torch.save({"state_dict": network.state_dict()}, "x.pt")
    given = {"weights": "x.pt", "builder": "net.py:build", "size": 20, "mean": [0.5], "std": [0.5]}
    found = find_out(given, refuse)
    assert found.section["arguments"] == {"in_chans": 1, "num_classes": 7}
    assert (found.section["classes"], found.section["channels"]) == (7, 1)
    assert found.sources["classes"] == "of the weights"
    assert found.has_norms
    assert found.takes(2)
    assert not found.takes(3), "20 is no multiple of it"


def test_a_size_that_is_the_only_one_is_found_and_an_argument_without_default_is_given(net):
    torch.save(net["flat"](5).state_dict(), "x.pt")
    found = find_out({"weights": "x.pt", "builder": "net.py:flat", "normalisation": "mnist"}, refuse)
    assert found.section["size"] == 24
    assert found.section["arguments"] == {"classes": 5}
    assert found.section["mean"] == [0.1307]
    assert not found.has_norms
    assert not found.takes(2)


def test_a_torchscript_file_needs_no_builder(net):
    network = net["build"](num_classes=6)
    network(torch.rand(16, 3, 20, 20))
    torch.jit.trace(network.eval(), torch.zeros(2, 3, 20, 20)).save("x.pt")
    found = find_out({"weights": "x.pt", "size": 20, "normalisation": "half"}, refuse)
    assert found.section["builder"] == "torchscript"
    assert (found.section["classes"], found.section["channels"]) == (6, 3)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "what the classifier is cannot be read off its weights; say --builder, --weights"),
        ({"builder": "net.py:build"}, "say --weights"),
        ({"weights": "x.pt"}, "say --builder"),
        (
            {"weights": "x.pt", "builder": "net.py:build"},
            "nothing says which it learnt from; say --size, --normalisation",
        ),
        ({"weights": "x.pt", "builder": "net.py:build", "size": 20}, "say --normalisation"),
        ({"weights": "none.pt", "builder": "net.py:build"}, "no file none.pt"),
        ({"weights": "x.pt", "builder": "net.py:nothing"}, "has nothing called nothing"),
        ({"weights": "x.pt", "builder": "net.py:flat"}, "x.pt does not fit net.py:flat"),
        ({"weights": "x.pt", "builder": "net.py:build", "size": 20, "normalisation": "mnist"}, "1 channels"),
        ({"weights": "x.pt", "builder": "net.py:build", "size": 20, "classes": 9, "normalisation": "half"}, "(2, 9)"),
        (
            {"weights": "dead.pt", "builder": "net.py:build", "size": 20, "normalisation": "half"},
            "says the same of every",
        ),
        (
            {"weights": "fresh.pt", "builder": "net.py:build", "size": 20, "normalisation": "half"},
            "BatchNorms store what they do before any training",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_one_line(net, given, told):
    network = net["build"]()
    torch.save(network.state_dict(), "fresh.pt")
    network(torch.rand(16, 3, 20, 20))
    torch.save(network.state_dict(), "x.pt")
    nn.init.zeros_(network[-1].weight)
    torch.save(network.state_dict(), "dead.pt")
    with pytest.raises(InputError) as caught:
        find_out(given, refuse)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_a_terminal_all_flags_are_named(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(
        InputError, match=r"^why; say --size \(32, 224, or height and width: 24x32\); --normalisation \(imagenet, "
    ):
        answers(["size", "normalisation"], "why")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_asks_until_it_understands(monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stderr", Terminal())
    said = iter(["large", "", "24x32", "0.5 0.25", "0.5"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(said))
    assert answers(["size", "normalisation"], "why") == {
        "size": (24, 32),
        "normalisation": {"mean": [0.5], "std": [0.25]},
    }


def test_usual_normalisations_are_of_their_channels():
    assert normalisation("half", 3) == {"mean": [0.5] * 3, "std": [0.5] * 3}
    assert normalisation("bytes", 1)["std"] == [pytest.approx(1 / 255)]
    with pytest.raises(InputError, match="the network takes 1"):
        normalisation("imagenet", 1)
