"""Reading takes no lock: artifacts never change, and where a file system has no locks they are not damaged for it."""

import fcntl
from contextlib import ExitStack

import numpy as np
import pytest
import torch

from dfnas.dataset.images import load_split
from dfnas.dataset.writing import Records, read_shard, write_dataset, write_shard

ATTRIBUTES = {"size": [6, 6], "mean": [0.5], "std": [0.25], "class_names": ["a", "b"], "provenance": {"seed": 0}}
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 1, 6, 6), dtype=np.uint8)
TARGETS = np.arange(8) % 2
SPLIT = np.array([0, 0, 1, 1, 0, 0, 2, 2], dtype=np.uint8)


@pytest.fixture
def locked(tmp_path):
    """A data set of two shards, all of whose files somebody has locked: HDF5's own lock would be refused."""
    shards = [tmp_path / f"{i}.h5" for i in range(2)]
    for i, shard in enumerate(shards):
        write_shard(shard, PIXELS[4 * i : 4 * i + 4], TARGETS[4 * i : 4 * i + 4], ATTRIBUTES)
    labels = np.eye(2, dtype=np.float32)[TARGETS]
    records = Records(labels, TARGETS, np.zeros(8, dtype=np.int32), SPLIT)
    write_dataset(tmp_path / "set.h5", shards, records, ATTRIBUTES)
    with ExitStack() as held:
        for path in tmp_path.glob("*.h5"):
            fcntl.flock(held.enter_context(open(path, "rb")), fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield tmp_path


def test_a_shard(locked):
    assert np.array_equal(read_shard(locked / "1.h5")[0], PIXELS[4:])


def test_a_data_set_with_the_shards_behind_it(locked):
    images = load_split(locked / "set.h5", "train", torch.device("cpu")).images
    assert np.array_equal(np.asarray(images), PIXELS[SPLIT == 0])
