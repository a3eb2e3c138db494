"""Checkpoints and archives made to harm: no code of theirs runs, and each is one line."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hostile import HUGE, Hostile, laughs
from stage_calls import Commands
from torch import nn

from dfnas.runtime.files import load_archive


def archived(pickled: bytes) -> bytes:
    """What torch.save writes, around a pickle of one's own."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in (("data.pkl", pickled), ("byteorder", b"little"), ("version", b"3\n")):
            archive.writestr(f"archive/{name}", data)
    return content.getvalue()


def bomb() -> bytes:
    content = io.BytesIO()
    with (
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("archive/data.pkl", "w") as member,
    ):
        for _ in range(200):
            member.write(bytes(1 << 20))
    return content.getvalue()


def saved(value, **how) -> bytes:
    content = io.BytesIO()
    torch.save(value, content, **how)
    return content.getvalue()


def itself() -> dict:
    state = {"weight": torch.zeros(2)}
    state["state_dict"] = state
    return state


def module_in_itself() -> nn.Module:
    network = nn.Sequential(nn.Linear(2, 2))
    network._modules["again"] = network
    return network


def nested_modules(depth: int) -> nn.Module:
    network = nn.Linear(2, 2)
    for _ in range(depth):
        network = nn.Sequential(network)
    return network


def forged_module() -> nn.Module:
    network = nn.Linear(2, 2)
    network.__dict__ |= {"_parameters": {1: "text", "weight": [network]}, "_non_persistent_buffers_set": 7}
    return network


def many_classes(count: int) -> bytes:
    return b"\x80\x02(" + b"".join(b"cmodule%d\nkind\n" % number for number in range(count)) + b"t."


EMPTY = b"\x80\x02}q\x00."
"""A dictionary, as torch.save pickles it."""
LEGACY = {"_use_new_zipfile_serialization": False}
CHECKPOINTS: dict[str, Callable[[Path], bytes]] = {
    "code in a zip archive": lambda trace: saved({"w": Hostile(trace)}),
    "code in the old format": lambda trace: saved({"w": Hostile(trace)}, **LEGACY),
    "code in a bare pickle": lambda trace: pickle.dumps(Hostile(trace), 2),
    "code under a new protocol": lambda trace: archived(pickle.dumps(Hostile(trace), 5)),
    "a zip bomb": lambda trace: bomb(),
    "a zip archive of nothing": lambda trace: archived(b""),
    "a pickle without an end": lambda trace: archived(b"\x80\x02" + b"(" * 100_000),
    "lists in lists in lists": lambda trace: archived(b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b"."),
    "a dictionary that contains itself": lambda trace: saved(itself()),
    "a thousand million references": lambda trace: saved({"state_dict": {"w": torch.zeros(2)}, "more": laughs()}),
    "a tensor of 10^12 elements": lambda trace: saved({"w": torch.zeros(1).expand(10**6, 10**6)}),
    "the same in the old format": lambda trace: saved({"w": torch.zeros(1).expand(10**6, 10**6)}, **LEGACY),
    "a sparse tensor of 10^12 elements": lambda trace: saved(
        {"w": torch.sparse_coo_tensor([[0], [0]], [1.0], (10**6, 10**6))}
    ),
    "a tensor without memory": lambda trace: saved({"w": torch.empty(10**6, 10**6, device="meta")}),
    "a pickled module in itself": lambda trace: saved({"model": module_in_itself()}),
    "modules nested without end": lambda trace: saved(nested_modules(30)),
    "a forged module": lambda trace: saved(forged_module()),
    "thousands of classes": lambda trace: archived(many_classes(5000)),
    "thousands of classes in the old format": lambda trace: saved({}, **LEGACY).replace(
        b"\x80\x02}q\x00.", many_classes(5000)
    ),
    "code under its weights' names": lambda trace: saved({"state_dict": {"w": Hostile(trace), "v": torch.zeros(2)}}),
    "text for weights": lambda trace: saved({"state_dict": {"conv.weight": "hello"}}),
    "numbers for names": lambda trace: saved({1: torch.zeros(2), 2: torch.zeros(2)}),
    "a list of tensors": lambda trace: saved([torch.zeros(2)]),
}


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_a_hostile_checkpoint(chain, refused, tmp_path, case):
    path = chain.folder / "user.pt"
    path.write_bytes(CHECKPOINTS[case](tmp_path / "trace"))
    refused("import_teacher", chain.import_teacher(path), path)


def state_of(chain: Commands) -> dict:
    return load_archive(chain.folder / "teacher.pt")["state"]


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64, torch.bool])
def test_weights_of_another_kind(chain, refused, dtype):
    path = chain.folder / "user.pt"
    torch.save({name: value.to(dtype) for name, value in state_of(chain).items()}, path)
    refused("import_teacher", chain.import_teacher(path), path, str(dtype), "expected torch.float32")


ARCHIVES = {
    "code in its description": lambda teacher, trace: teacher | {"spec": Hostile(trace)},
    "no description": lambda teacher, trace: {"kind": teacher["kind"], "state": teacher["state"]},
    "a description of another kind": lambda teacher, trace: teacher | {"spec": [1, 2]},
    "text for weights": lambda teacher, trace: teacher | {"state": "none"},
    "a size of 10^12": lambda teacher, trace: teacher | {"spec": teacher["spec"] | {"size": [HUGE, HUGE]}},
    "classes without number": lambda teacher, trace: teacher | {"spec": teacher["spec"] | {"classes": HUGE}},
    "provenance without an end": lambda teacher, trace: teacher | {"provenance": laughs()},
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_a_hostile_teacher_in_our_own_format(chain, refused, tmp_path, case):
    path = chain.folder / "teacher.pt"
    torch.save(ARCHIVES[case](load_archive(path), tmp_path / "trace"), path)
    refused("calibrate_labels", chain.calibrate_labels(), path)
