"""Architectures, tables and arrays made to harm: each is one line."""

import io
import json
import zipfile

import numpy as np
import pytest
from hostile import HUGE, Hostile

from dfnas.runtime.files import read_json, write_json

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
