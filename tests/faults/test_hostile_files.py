"""Files made to harm: no code of theirs runs, nobody falls, hangs or asks for more memory, and each is one line.

Every stage runs in a process of its own with little memory and time.
"""

import io
import json
import os
import pickle
import resource
import signal
import struct
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from stage_calls import Commands, run
from test_checkpoints import Hostile

from dfnas.dataset import format as hdf5
from dfnas.dataset.writing import read_labels, read_shard, write_labels
from dfnas.runtime.files import load_archive, read_json, write_json

MEMORY, SECONDS = 3 << 30, 60
HUGE = 10**12
REFUSED: list[str] = []
"""What was said of each."""


def alone(path: Path, name: str, arguments: list) -> tuple[int, list[str]]:
    """Status and lines of a stage in a copy of this process that may not take much."""
    child = os.fork()
    if not child:
        status = 99
        try:
            with open(path, "w") as log:
                os.dup2(log.fileno(), 2)
                sys.stderr = os.fdopen(2, "w")
                size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
                signal.alarm(SECONDS)
                status = run(name, *arguments)
                sys.stderr.flush()
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended), path.read_text().splitlines()


# Checkpoints of a user, and archives of ours.


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


def laughs() -> list:
    """Ten thousand million values in some hundred bytes."""
    value = ["ha"] * 10
    for _ in range(9):
        value = [value] * 10
    return value


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
    "text for weights": lambda trace: saved({"state_dict": {"conv.weight": "hello"}}),
    "numbers for names": lambda trace: saved({1: torch.zeros(2), 2: torch.zeros(2)}),
    "a list of tensors": lambda trace: saved([torch.zeros(2)]),
}


@pytest.fixture
def refused(tmp_path):
    """Runs a stage that must refuse what it is given, in one line that names it, without a trace of its code."""

    def check(name: str, arguments: list, *named: str | Path) -> str:
        begun = time.monotonic()
        status, lines = alone(tmp_path / "said", name, arguments)
        assert status == 1, (status, lines[-5:])
        assert len(lines) == 1, lines[-5:]
        assert lines[0].startswith(f"{name}: error: ")
        assert len(lines[0]) < 2000
        for part in named:
            assert str(part) in lines[0], lines[0]
        assert not (tmp_path / "trace").exists(), "code ran"
        assert time.monotonic() - begun < SECONDS
        REFUSED.append(lines[0])
        return lines[0]

    return check


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


def pretend(content: bytes, header: dict | bytes) -> bytes:
    """A safetensors file with another header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


def tensor(shape: list, begin: int, end: int) -> dict:
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}


SAFETENSORS = {
    "a header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "a header that is nested without end": pretend(b"", b"[" * 100_000),
    "a tensor of 10^12 elements": pretend(bytes(8), {"w": tensor([10**6, 10**6], 0, 4 * HUGE)}),
    "tensors that overlap": pretend(bytes(12), {"a": tensor([2], 0, 8), "b": tensor([2], 4, 12)}),
    "a tensor beyond the end": pretend(bytes(4), {"a": tensor([2], 0, 8)}),
    "metadata that describe nothing": pretend(b"", {"__metadata__": {"dfnas": "[1, 2]"}}),
    "metadata that are nested without end": pretend(b"", {"__metadata__": {"dfnas": "[" * 100_000}}),
}


@pytest.mark.parametrize("case", SAFETENSORS)
def test_a_hostile_safetensors_file(chain, refused, case):
    path = chain.folder / "model.safetensors"
    path.write_bytes(SAFETENSORS[case])
    refused("model_card", chain.model_card(), path)
    refused("import_teacher", chain.import_teacher(path), path)


# HDF5, with the digest that ours have: who makes such a file can make that too.


def array(file: h5py.File, name: str, values: np.ndarray) -> None:
    if name in file:
        del file[name]
    hdf5.add(file, name, values)


def attribute(file: h5py.File, name: str, value) -> None:
    del file.attrs[name]
    file.attrs[name] = value


def absurd(file: h5py.File, name: str, shape: tuple, **how) -> None:
    del file[name]
    file.create_dataset(name, shape, np.uint8, **how)


def external_link(file: h5py.File, secret: Path) -> None:
    del file["images"]
    file["images"] = h5py.ExternalLink(secret, "images")


def external_storage(file: h5py.File, secret: Path) -> None:
    shape = file["images"].shape
    del file["images"]
    file.create_dataset("images", shape, np.uint8, external=[(str(secret), 0, h5py.h5f.UNLIMITED)])


def soft_link(file: h5py.File, secret: Path) -> None:
    file["other"] = file["images"][()]
    del file["images"]
    file["images"] = h5py.SoftLink("/other")


def references(file: h5py.File, secret: Path) -> None:
    count = len(file["targets"])
    del file["targets"]
    file.create_dataset("targets", data=[file["images"].ref] * count, dtype=h5py.ref_dtype)


def virtual(file: h5py.File, secret: Path) -> None:
    shape = file["images"].shape
    del file["images"]
    layout = h5py.VirtualLayout(shape, np.uint8)
    layout[:] = h5py.VirtualSource(str(secret), "images", shape)
    file.create_virtual_dataset("images", layout)


def of_texts(file: h5py.File, secret: Path) -> None:
    count = len(file["targets"])
    del file["targets"]
    file.create_dataset("targets", data=["ha"] * count, dtype=h5py.string_dtype())


def of_a_group(file: h5py.File, secret: Path) -> None:
    del file["images"]
    file.create_group("images")


SHARDS: dict[str, Callable[[h5py.File, Path], None]] = {
    "an external link": external_link,
    "external storage": external_storage,
    "a soft link": soft_link,
    "object references": references,
    "a virtual dataset over another file": virtual,
    "texts for targets": of_texts,
    "a group for an array": of_a_group,
    "10^12 images that are not there": lambda file, secret: absurd(
        file, "images", (HUGE, 1, 8, 8), chunks=(1, 1, 8, 8)
    ),
    "images that a filter conjures up": lambda file, secret: absurd(
        file, "images", (1 << 20, 1, 8, 8), chunks=(1 << 20, 1, 8, 8), compression="gzip"
    ),
    "floats for images": lambda file, secret: array(file, "images", file["images"][()].astype(np.float64)),
    "a class of 10^12": lambda file, secret: array(file, "targets", file["targets"][()] + HUGE),
    "a class below 0": lambda file, secret: array(file, "targets", file["targets"][()] - 1),
    "aims that are no numbers": lambda file, secret: array(file, "aims", np.full_like(file["aims"][()], np.nan)),
    "attributes that are nested without end": lambda file, secret: file.attrs.modify("attributes", "[" * 50_000),
    "attributes that are numbers": lambda file, secret: attribute(file, "attributes", 7),
    "attributes of nothing": lambda file, secret: file.attrs.modify("attributes", "{}"),
    "a format of many numbers": lambda file, secret: attribute(file, "dfnas_format", [1, 1]),
}


@pytest.mark.parametrize("case", SHARDS)
def test_a_hostile_shard(chain, made, refused, case):
    path, memory = chain.folder / "shard.h5", io.BytesIO((made / "shard.h5").read_bytes())
    with h5py.File(memory, "r+", libver="latest") as file:
        SHARDS[case](file, made / "original-0.h5")
        file.flush()
    path.write_bytes(memory.getvalue())
    with open(path, "r+b") as sealed:
        sealed.seek(hdf5.SEAL_BYTES)
        seal = hdf5._seal(hdf5.file_digest(sealed, "sha256").hexdigest())
        sealed.seek(0)
        sealed.write(seal)
    refused("calibrate_labels", chain.calibrate_labels(), path)


def test_labels_that_are_no_numbers(chain, refused):
    path = chain.folder / "labels.h5"
    labels, targets, attributes = read_labels(path)
    write_labels(path, np.full_like(labels, np.nan), targets, attributes)
    refused("shard_dataset", chain.shard_dataset(), path, "not finite")


def test_plain_hdf5_without_our_digest(chain, refused):
    path = chain.folder / "shard.h5"
    images, targets, _ = read_shard(path)
    with h5py.File(path, "w") as file:
        file["images"], file["targets"] = images, targets
    refused("calibrate_labels", chain.calibrate_labels(), path, "not an HDF5 file of dfnas")


DOCUMENTS = {
    "nested without end": lambda d: "[" * 200_000,
    "objects in objects": lambda d: '{"a":' * 200_000,
    "an integer of a million digits": lambda d: json.dumps(d).replace('"format": 1', '"format": ' + "9" * 10**6),
    "a size of 10^12": lambda d: json.dumps(d | {"space": {"name": "shufflenet", "options": {"depths": [HUGE]}}}),
    "a width of 10^12": lambda d: json.dumps(
        d | {"space": {"name": "shufflenet", "options": d["space"]["options"] | {"widths": [HUGE]}}}
    ),
    "images of 10^12 pixels": lambda d: json.dumps(d | {"task": d["task"] | {"size": [HUGE, HUGE]}}),
    "a task of texts": lambda d: json.dumps(d | {"task": dict.fromkeys(d["task"], "ha")}),
    "a space that is no name": lambda d: json.dumps(d | {"space": {"name": ["shufflenet"]}}),
    "infinite": lambda d: json.dumps(d).replace('"format": 1', '"format": Infinity'),
    "a list": lambda d: "[1]",
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_hostile_architecture(chain, refused, case):
    path = chain.folder / "architecture.json"
    document = read_json(path)
    del document["provenance"]
    path.write_text(DOCUMENTS[case](document))
    refused("retrain", chain.retrain(), path)


def test_a_report_that_lacks_what_it_should_have(chain, refused):
    path = chain.folder / "quality.json"
    write_json(path, {"generation": 0})
    refused("draw_images", chain.draw_images(), path)


NPZ = {
    "code": lambda parts, trace: parts | {"x_train": np.array([Hostile(trace)], dtype=object)},
    "a class of 10^12": lambda parts, trace: parts | {"y_train": parts["y_train"] + HUGE},
    "not numbers": lambda parts, trace: parts | {"y_test": np.full(len(parts["y_test"]), np.nan)},
    "floats": lambda parts, trace: parts | {"x_train": parts["x_train"].astype(float)},
}


@pytest.mark.parametrize("case", NPZ)
def test_hostile_original_images(chain, refused, tmp_path, case):
    path = chain.folder / "own.npz"
    parts = {"x_train": np.zeros((40, 8, 8, 1), np.uint8), "y_train": np.arange(40) % 10}
    parts |= {"x_test": np.zeros((20, 8, 8, 1), np.uint8), "y_test": np.arange(20) % 10}
    np.savez(path, **NPZ[case](parts, tmp_path / "trace"))
    source = ["--source", "npz", "--path", path, "--size", "8", "--mean", "[0.3]", "--std", "[0.35]"]
    refused(
        "shard_original", ["--out", chain.folder / "own.h5", "--shard-files", chain.folder / "own-0.h5", *source], path
    )


def test_an_array_that_claims_what_no_memory_has(chain, refused):
    path = chain.folder / "own.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (HUGE, 8, 8, 1)})
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            archive.writestr(f"{name}.npy", header.getvalue())
    source = ["--source", "npz", "--path", path, "--size", "8", "--mean", "[0.3]", "--std", "[0.35]"]
    refused(
        "shard_original", ["--out", chain.folder / "own.h5", "--shard-files", chain.folder / "own-0.h5", *source], path
    )


def test_a_table_with_a_cell_of_a_million_characters(chain, refused):
    (chain.folder / "m.csv").write_text("epoch,train_loss,validation_error,lr\n1," + "9" * 10**6 + ",1,1\n")
    refused("draw_training", chain.draw_training(), chain.folder / "m.csv")


def test_how_many_there_were(say):
    """Of those that this process has tried; the last test of the file."""
    say(f"hostile files: {len(REFUSED)} refused in one line; no code ran, none hung or took memory")
