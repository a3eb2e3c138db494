"""Files with weights as they lie about: with anything beside the weights, of other formats, or pointers to the file."""

import argparse
import collections
import datetime
import enum
import io
import json
import pathlib
import pickle
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch
from importing import imported
from safetensors.torch import save_file
from torch import nn

from dfnas.classifiers.checkpoints import read_checkpoint
from dfnas.classifiers.state_dicts import choose
from dfnas.classifiers.weights import read_weights
from dfnas.runtime.errors import InputError
from dfnas.settings.teacher import TeacherSettings

STATE = {f"{layer}.{name}": torch.arange(6.0) for layer in range(4) for name in ("weight", "bias")}


class Phase(enum.Enum):
    TRAINING = 1


class Attributes(dict):
    """As configurations of many projects: a dictionary of their own."""

    __getattr__ = dict.__getitem__


class Slots:
    __slots__ = ("value",)

    def __init__(self):
        self.value = 3


class Node:
    """As OmegaConf's: it knows the node that it is in."""

    def __init__(self):
        self.parent, self.inside = self, [self]


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        self.tied = self.body[0]
        self.register_buffer("scratch", torch.ones(2), persistent=False)
        self.register_parameter("none", None)
        self.history = [Node()]


def logs() -> collections.defaultdict:
    made = collections.defaultdict(list)
    made["loss"].append(0.5)
    return made


BESIDE = {
    "arguments of a script": lambda: argparse.Namespace(lr=0.1, data=pathlib.Path("/data")),
    "a number of NumPy": lambda: np.float64(91.25),
    "an array of NumPy": lambda: np.arange(5),
    "a path": lambda: pathlib.Path("/data"),
    "a date": lambda: datetime.datetime(2026, 11, 30, tzinfo=datetime.UTC),
    "an enumeration": lambda: Phase.TRAINING,
    "lists by name": logs,
    "a dictionary of a project's own": lambda: Attributes(lr=0.1, inner=Attributes(depth=3)),
    "an object with slots": Slots,
    "an object that knows itself": Node,
    "keys of a class": lambda: {Phase.TRAINING: 1, pathlib.Path("a"): 2},
    "a queue": lambda: collections.deque([1, 2], maxlen=3),
    "a type": lambda: argparse.Namespace,
    "a scheduler's function": lambda: np.mean,
}


@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_weights_load_with_anything_beside_them(beside, zipped, tmp_path):
    path = tmp_path / "w.pth"
    content = {"state_dict": STATE, "epoch": 3, "beside": BESIDE[beside]()}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    taken, others = choose(read_checkpoint(path), "w.pth")
    assert taken.tensors.keys() == STATE.keys()
    assert all(torch.equal(taken.tensors[name], value) for name, value in STATE.items())
    assert not others


def test_a_pickled_loss_is_no_network(tmp_path):
    torch.save({"state_dict": STATE, "criterion": nn.CrossEntropyLoss(torch.ones(3))}, tmp_path / "w.pth")
    assert choose(read_checkpoint(tmp_path / "w.pth"), "w.pth").others == []


def test_a_state_dict_may_be_a_dictionary_of_its_own(tmp_path):
    torch.save({"model": Attributes(STATE)}, tmp_path / "w.pth")
    assert choose(read_checkpoint(tmp_path / "w.pth"), "w.pth").taken.place == "model"


def test_nothing_that_a_file_names_is_run(tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "touched"), "w"))

    torch.save({"state_dict": STATE, "beside": [Trap(), {"deeper": Trap()}]}, tmp_path / "w.pth")
    assert choose(read_checkpoint(tmp_path / "w.pth"), "w.pth").taken.place == "state_dict"
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("key", [None, "model"])
def test_the_tensors_of_a_pickled_model_are_its_state_dict(key, tmp_path):
    torch.manual_seed(0)
    network = Classifier()
    torch.save(network if key is None else {key: network, "epoch": 3}, tmp_path / "w.pth")
    taken = choose(read_checkpoint(tmp_path / "w.pth"), "w.pth").taken
    assert taken.model.endswith("test_checkpoints_of_others.Classifier")
    expected = network.state_dict()
    assert list(taken.tensors) == list(expected)
    assert all(torch.equal(taken.tensors[name], value) for name, value in expected.items())


def test_a_pickled_model_becomes_a_teacher_and_the_log_says_that_it_was_one(tmp_path, user_code, capsys):
    section = {"classes": 3, "channels": 1, "size": 8, "mean": [0.5], "std": [0.25]}
    section |= {"builder": f"{user_code}/own.py:leaky"}
    network = imported(weights="published", **section).network
    torch.save(nn.DataParallel(network), tmp_path / "w.pth")
    loaded = imported(weights=str(tmp_path / "w.pth"), **section).network.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in network.state_dict().items())
    assert "takes the weights of a pickled torch.nn.parallel.data_parallel.DataParallel" in capsys.readouterr().err


def refused(path) -> str:
    with pytest.raises(InputError) as caught:
        choose(read_checkpoint(path), str(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


class Blocked:
    def __reduce__(self):
        import os

        return (os.system, ("true",))


def saved(value, **how) -> bytes:
    content = io.BytesIO()
    torch.save(value, content, **how)
    return content.getvalue()


def zipped(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, value in members.items():
            archive.writestr(name, value)
    return content.getvalue()


def circle() -> nn.Module:
    network = nn.Sequential(nn.Linear(2, 2))
    network._modules["again"] = network
    return network


def arrays() -> bytes:
    content = io.BytesIO()
    np.savez(content, weight=np.zeros(3))
    return content.getvalue()


SPARSE = {"state_dict": {"w": torch.eye(3).to_sparse()}}
QUANTIZED = {"w": torch.quantize_per_tensor(torch.ones(100), 0.1, 0, torch.qint8)}
ALONE = 'torch.save(torch.load("{path}", weights_only=False)["state_dict"], "weights.pt")'
# what the file is, and what the line must say
OTHERS = {
    "code that torch itself blocks": (lambda: saved({"state_dict": STATE, "x": Blocked()}), [".system", ALONE]),
    "another pickle protocol": (lambda: saved(STATE, pickle_protocol=4), ["another protocol", "weights_only=False"]),
    "a pickled model in the older format": (
        lambda: saved(nn.Linear(2, 2), _use_new_zipfile_serialization=False),
        ["pickled module", 'torch.load("{path}", weights_only=False).state_dict()'],
    ),
    "sparse weights": (lambda: saved(SPARSE), ["sparse", "v.to_dense() for"]),
    "quantized weights": (lambda: saved(QUANTIZED), ["qint8", "before they were quantized"]),
    "weights without memory": (lambda: saved({"w": torch.ones(3, device="meta")}), ["meta", "without values"]),
    "arrays of NumPy for weights": (lambda: saved({"w": np.zeros(3)}), ["NumPy's", "torch.from_numpy"]),
    "a pickled model of no module": (lambda: saved({"model": Slots()}), ["Slots", "torch.save(network.state_dict()"]),
    "a file cut short": (lambda: saved(STATE)[:-100], ["get it again"]),
    "a flipped bit": (lambda: saved(STATE).replace(b"0.weight", b"0.weighu"), ["is damaged", "get it again"]),
    "a pickled model that contains itself": (lambda: saved(circle()), ["contains itself", "weights_only=False"]),
    "nothing": (bytes, ["is empty", "get it again"]),
    "a pointer of Git LFS": (lambda: b"version https://git-lfs.github.com/spec/v1\noid", ["Git LFS", "git lfs pull"]),
    "a page instead of a file": (lambda: b"<!DOCTYPE html><html>", ["HTML", "download the file itself"]),
    "compressed": (lambda: b"\x1f\x8b\x08\x00", ["gzip", "unpack it"]),
    "a file of Keras": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(64), ["HDF5"]),
    "a bare pickle": (lambda: pickle.dumps({"w": 1}), ["bare pickle", "pickle.load(open(", "where you trust it"]),
    "arrays in a zip archive": (arrays, ["NumPy", "numpy.load", "torch.from_numpy"]),
    "a folder in a zip archive": (lambda: zipped(**{"model/weights.pt": b"x"}), ["unpack it"]),
    "a program of torch.export": (
        lambda: zipped(**{"net/archive_format": b"pt2", "net/data/weights/x": b""}),
        ["torch.export.load", "state_dict"],
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_cannot_be_read_says_what_it_is_and_what_to_do(case, tmp_path):
    make, named = OTHERS[case]
    path = tmp_path / "w.pth"
    path.write_bytes(make())
    story = refused(path)
    assert str(path) in story
    missing = [part for part in named if part.format(path=path) not in story]
    assert not missing, story
    assert ("get it again" in story) == ("get it again" in named), story


def test_the_remedy_makes_a_file_that_loads(tmp_path, monkeypatch):
    """The command of the message, run where the file is trusted."""
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": STATE, "x": Blocked()}, "w.pth")
    command = refused(tmp_path / "w.pth").partition("alone, by ")[2].partition(" or ")[0]
    exec(command, {"torch": torch})
    assert choose(read_checkpoint(tmp_path / "weights.pt"), "w").taken.tensors.keys() == STATE.keys()


@pytest.mark.parametrize(("kind", "save"), [("safetensors", save_file), ("bin", torch.save)])
def test_a_list_of_parts_says_how_to_join_them(kind, save, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = {name: f"model-0000{1 + place % 2}-of-00002.{kind}" for place, name in enumerate(STATE)}
    for part in set(parts.values()):
        save({name: value for name, value in STATE.items() if parts[name] == part}, part)
    path = tmp_path / f"model.{kind}.index.json"
    path.write_text(json.dumps({"metadata": {}, "weight_map": parts}))
    story = refused(path)
    assert "a list of 2 parts" in story
    exec(story.partition("in its folder, by ")[2], {"torch": torch, "safetensors": safetensors, "json": json})
    assert choose(read_checkpoint(tmp_path / "weights.pt"), "w").taken.tensors.keys() == STATE.keys()
    path.write_text("[]")
    assert "JSON, not weights" in refused(path)


def test_a_folder_says_what_is_expected(tmp_path):
    assert "is a folder, expected a file" in refused(tmp_path)
    with pytest.raises(InputError, match="is a folder, expected a file"):
        read_weights(TeacherSettings(weights=str(tmp_path)))
    with pytest.raises(InputError, match=r"no file .*none\.pt"):
        read_weights(TeacherSettings(weights=str(tmp_path / "none.pt")))
    (tmp_path / ".metadata").write_bytes(b"")
    assert "format_utils dcp_to_torch" in refused(tmp_path)


def test_safetensors_are_known_by_their_content(tmp_path):
    save_file(STATE, tmp_path / "pytorch_model.bin")
    assert read_checkpoint(tmp_path / "pytorch_model.bin").keys() == STATE.keys()
