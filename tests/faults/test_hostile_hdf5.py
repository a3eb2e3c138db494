"""HDF5 files made to harm, with the digest that ours have: who makes such a file can make that too."""

import io
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hostile import HUGE

from dfnas.dataset import format as hdf5
from dfnas.dataset.writing import read_labels, read_shard, write_labels


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
