"""Shards, labels and data sets on disk: what is written comes back, and damage is never read as data."""

import errno
import shutil

import h5py
import numpy as np
import pytest
import torch

from dfnas.dataset import format as hdf5
from dfnas.dataset import virtual
from dfnas.dataset.format import SPLITS
from dfnas.dataset.generations import generation_batches
from dfnas.dataset.images import load_split
from dfnas.dataset.loading import _read
from dfnas.dataset.writing import Records, read_labels, read_shard, write_dataset, write_labels, write_shard
from dfnas.runtime.errors import InputError

CPU = torch.device("cpu")
SHARDS, IMAGES, CLASSES = 3, 12, 2
ATTRIBUTES = {"size": [6, 6], "mean": [0.5], "std": [0.25], "class_names": ["cat", "dög"], "provenance": {"seed": 0}}

rng = np.random.default_rng(0)
PIXELS = rng.integers(0, 256, (SHARDS * IMAGES, 1, 8, 8), dtype=np.uint8)
TARGETS = np.arange(SHARDS * IMAGES) % CLASSES
SPLIT = np.repeat([0, 1, 0, 2], SHARDS * IMAGES // 4).astype(np.uint8)
LABELS = rng.dirichlet([1.0] * CLASSES, SHARDS * IMAGES).astype(np.float32)
GENERATION = np.repeat(np.arange(SHARDS, dtype=np.int32), IMAGES)


def shards_of(folder):
    return [folder / "shards" / f"{i}.h5" for i in range(SHARDS)]


def write_all(folder):
    for i, shard in enumerate(shards_of(folder)):
        part = slice(i * IMAGES, (i + 1) * IMAGES)
        write_shard(shard, PIXELS[part], TARGETS[part], ATTRIBUTES)
    write_labels(folder / "labels.h5", LABELS, TARGETS, ATTRIBUTES)
    write_dataset(
        folder / "data" / "set.h5", shards_of(folder), Records(LABELS, TARGETS, GENERATION, SPLIT), ATTRIBUTES
    )


@pytest.fixture
def folder(tmp_path):
    write_all(tmp_path)
    return tmp_path


def same(read, expected) -> bool:
    return all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(read, expected, strict=True))


def training_images(folder):
    data = load_split(folder / "data" / "set.h5", "train", CPU)
    return data.images, data.soft_labels, data.targets, data.size, data.mean, data.std


TRAINING = (*(values[SPLIT == 0] for values in (PIXELS, LABELS, TARGETS)), (6, 6), [0.5], [0.25])
READERS = {
    "shard": (
        "shards/0.h5",
        lambda folder: read_shard(folder / "shards/0.h5")[:2],
        (PIXELS[:IMAGES], TARGETS[:IMAGES]),
    ),
    "labels": ("labels.h5", lambda folder: read_labels(folder / "labels.h5")[:2], (LABELS, TARGETS)),
    "data set": ("data/set.h5", training_images, TRAINING),
    "shard behind the data set": ("shards/2.h5", training_images, TRAINING),
}
every_reader = pytest.mark.parametrize(("file", "read", "expected"), READERS.values(), ids=READERS)


@pytest.mark.parametrize("index", range(len(SPLITS)))
def test_a_split_of_several_shards_comes_back_in_its_order(folder, index):
    data = load_split(folder / "data" / "set.h5", SPLITS[index], CPU)
    chosen = index == SPLIT
    assert same((data.images, data.soft_labels, data.targets), (PIXELS[chosen], LABELS[chosen], TARGETS[chosen]))
    assert (data.size, data.mean, data.std, data.channels, data.classes) == ((6, 6), (0.5,), (0.25,), 1, CLASSES)


def test_attributes_come_back_as_they_were(folder):
    assert read_shard(folder / "shards" / "1.h5")[2] == ATTRIBUTES
    assert read_labels(folder / "labels.h5")[2] == ATTRIBUTES


def test_a_data_set_holds_no_copy_of_the_images_and_moves_with_its_shards(folder, tmp_path_factory):
    with h5py.File(folder / "data" / "set.h5") as file:
        assert file["images"].is_virtual
        assert [source.file_name for source in file["images"].virtual_sources()] == [
            f"../shards/{i}.h5" for i in range(3)
        ]
    elsewhere = tmp_path_factory.mktemp("moved") / "results"
    shutil.move(folder, elsewhere)
    assert same(training_images(elsewhere), TRAINING)


def test_the_same_content_is_the_same_bytes(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("again")
    write_all(other)
    for file in ("shards/0.h5", "labels.h5", "data/set.h5"):
        assert (folder / file).read_bytes() == (other / file).read_bytes()


@every_reader
def test_every_flipped_bit_is_an_error_or_harmless(folder, flipped, file, read, expected):
    errors = 0
    for _ in flipped(folder / file, 150):
        try:
            assert same(read(folder), expected)
        except InputError:
            errors += 1
    assert errors > 100


@every_reader
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_an_error_that_names_it(folder, file, read, expected, share):
    path = folder / file
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=path.name):
        read(folder)


@every_reader
def test_a_missing_file_is_an_error_and_not_zeros(folder, file, read, expected):
    (folder / file).unlink()
    with pytest.raises(InputError, match=(folder / file).name):
        read(folder)


@every_reader
def test_a_foreign_file_is_an_error(folder, file, read, expected):
    (folder / file).unlink()
    with h5py.File(folder / file, "w") as foreign:
        foreign["images"] = PIXELS
    with pytest.raises(InputError, match="damaged or not an HDF5 file of dfnas"):
        read(folder)


def test_a_file_of_another_kind_is_an_error(folder):
    for read, file in ((read_shard, "labels.h5"), (read_labels, "shards/0.h5")):
        with pytest.raises(InputError, match="is not a dfnas"):
            read(folder / file)
    with pytest.raises(InputError, match="is not a dfnas dataset"):
        load_split(folder / "labels.h5", "train", CPU)


def test_a_missing_shard_is_named_with_its_data_set(folder):
    (folder / "shards" / "1.h5").unlink()
    with pytest.raises(InputError, match=r"set\.h5 points to .*1\.h5, which is missing; run the workflow again"):
        training_images(folder)


@pytest.mark.parametrize("piece", [1, 5, 36, 100])
def test_rows_are_picked_alike_in_pieces_of_any_length(piece):
    chosen = np.flatnonzero(SPLIT == 0)
    assert np.array_equal(_read(PIXELS, chosen, CPU, piece), PIXELS[chosen])


def test_a_shard_that_may_not_be_read_is_an_error_and_not_zeros(folder, monkeypatch):
    def refused(path, *mode, **more):
        if str(path).endswith("1.h5"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return open(path, *mode, **more)

    monkeypatch.setattr(hdf5, "open", refused, raising=False)
    with pytest.raises(PermissionError, match=r"1\.h5"):
        training_images(folder)


def test_shards_that_changed_places_are_an_error(folder):
    """Pixels of the right shape and number, and labels that are not theirs."""
    first, second = (folder / "shards" / name for name in ("0.h5", "1.h5"))
    first.rename(folder / "kept.h5")
    second.rename(first)
    (folder / "kept.h5").rename(second)
    with pytest.raises(InputError, match=r"0\.h5 is not the shard that .*set\.h5 was made of"):
        training_images(folder)


def test_a_shard_of_as_many_other_images_is_an_error(folder):
    write_shard(folder / "shards" / "0.h5", 255 - PIXELS[:IMAGES], TARGETS[:IMAGES], ATTRIBUTES)
    with pytest.raises(InputError, match=r"0\.h5 is not the shard that .*set\.h5 was made of"):
        training_images(folder)


@pytest.mark.parametrize("shape", [(IMAGES, 1, 4, 4), (IMAGES, 3, 8, 8), (IMAGES + 1, 1, 8, 8)])
def test_a_shard_of_another_shape_is_an_error_and_not_zeros(folder, shape):
    write_shard(folder / "shards" / "0.h5", np.ones(shape, np.uint8), np.zeros(len(np.ones(shape)), int), ATTRIBUTES)
    with pytest.raises(InputError, match=r"set\.h5 has images \(12, 1, 8, 8\) of .*0\.h5, which has"):
        training_images(folder)


def test_a_shard_that_is_replaced_between_its_check_and_its_opening_is_an_error(folder, monkeypatch):
    check = hdf5._identity_if_sealed

    def replaced(path):
        found = check(path)
        if path.name == "1.h5":
            write_shard(path, 255 - PIXELS[:IMAGES], TARGETS[:IMAGES], ATTRIBUTES)
        return found

    monkeypatch.setattr(hdf5, "_identity_if_sealed", replaced)
    with pytest.raises(InputError, match=r"1\.h5 was replaced while it was opened; run the same command again"):
        training_images(folder)


def test_images_are_read_without_a_word_of_hdf5_on_its_virtual_datasets(folder, monkeypatch):
    """Which would be zeros for all that it cannot open: here, for every shard by the name that it knows."""
    for shard in shards_of(folder):
        shard.rename(shard.with_suffix(".away"))
    monkeypatch.setattr(virtual, "_parts", away(virtual._parts))
    assert same(training_images(folder), TRAINING)


def away(parts):
    return lambda *known: [part._replace(shard=part.shard.with_suffix(".away")) for part in parts(*known)]


@pytest.mark.parametrize(("first", "last"), [(0, 36), (0, 0), (5, 12), (12, 24), (11, 13), (3, 35), (30, 99)])
def test_a_slice_is_the_same_over_any_number_of_shards(folder, first, last):
    path = folder / "data" / "set.h5"
    with hdf5.opened(path, "dataset") as (file, attributes), virtual.sharded_images(path, file, attributes) as images:
        assert np.array_equal(images[first:last], PIXELS[first:last])
        assert np.array_equal(images[:2], PIXELS[:2]), "a shard that was left is opened again"


@pytest.mark.parametrize("gap", ["hole", "overlap", "part of a shard"])
def test_a_data_set_with_images_of_no_shard_is_an_error(folder, gap):
    """HDF5 would read them as zeros."""
    layout = h5py.VirtualLayout((3 * IMAGES, 1, 8, 8), np.uint8)
    for i, name in enumerate(["../shards/0.h5", "../shards/1.h5", "../shards/2.h5"]):
        source = h5py.VirtualSource(name, "images", (IMAGES, 1, 8, 8))
        if i == 1 and gap == "hole":
            continue
        first = IMAGES - 2 if i == 1 and gap == "overlap" else i * IMAGES
        if i == 1 and gap == "part of a shard":
            layout[first : first + IMAGES, :, :4] = source[:, :, :4]
        else:
            layout[first : first + IMAGES] = source
    with hdf5.created(folder / "data" / "set.h5", "dataset", ATTRIBUTES) as file:
        file.create_virtual_dataset("images", layout)
        records = Records(LABELS, TARGETS, GENERATION, SPLIT)
        for name, values in records._asdict().items():
            hdf5.add(file, name, values)
    with pytest.raises(InputError, match=r"set\.h5: its images are not those of its shards, one after the other"):
        training_images(folder)


def test_a_data_set_that_does_not_say_the_digests_of_its_shards_is_read(folder):
    with hdf5.created(folder / "data" / "old.h5", "dataset", ATTRIBUTES) as file:
        virtual.add_virtual_images(file, folder / "data", shards_of(folder), (1, 8, 8), [IMAGES] * SHARDS)
        for name, values in Records(LABELS, TARGETS, GENERATION, SPLIT)._asdict().items():
            hdf5.add(file, name, values)
    data = load_split(folder / "data" / "old.h5", "train", CPU)
    assert np.array_equal(data.images, PIXELS[SPLIT == 0])


def test_images_of_a_shard_are_not_in_other_files(folder):
    layout = h5py.VirtualLayout((IMAGES, 1, 8, 8), np.uint8)
    layout[:] = h5py.VirtualSource("1.h5", "images", (IMAGES, 1, 8, 8))
    with hdf5.created(folder / "shards" / "0.h5", "shard", ATTRIBUTES) as file:
        file.create_virtual_dataset("images", layout)
        hdf5.add(file, "targets", TARGETS[:IMAGES])
    with pytest.raises(InputError, match=r"0\.h5: 'images' is not in the file itself"):
        read_shard(folder / "shards" / "0.h5")


def test_a_shard_that_was_made_again_with_fewer_images_is_an_error(folder):
    write_shard(folder / "shards" / "0.h5", PIXELS[:3], TARGETS[:3], ATTRIBUTES)
    with pytest.raises(InputError, match=r"set\.h5|0\.h5"):
        training_images(folder)


@pytest.mark.parametrize(
    ("changes", "story"),
    [
        ({"targets": np.zeros_like(TARGETS)}, "split 'train' has no image of class 1"),
        ({"split": np.zeros_like(SPLIT)}, "split 'validation' has no image of class 0"),
        ({"targets": TARGETS[:-1]}, "hold 36 images, but there are 35 labels"),
    ],
)
def test_a_data_set_that_cannot_be_searched_on_is_not_written(folder, changes, story):
    records = Records(LABELS, TARGETS, GENERATION, SPLIT)._replace(**changes)
    with pytest.raises(InputError, match=story):
        write_dataset(folder / "new.h5", shards_of(folder), records, ATTRIBUTES)
    assert not (folder / "new.h5").exists()


def test_shards_of_different_images_do_not_make_a_data_set(folder):
    write_shard(folder / "other.h5", PIXELS[:IMAGES, :, :4, :4], TARGETS[:IMAGES], ATTRIBUTES)
    shards = [folder / "shards" / "0.h5", folder / "other.h5"]
    with pytest.raises(InputError, match="differ in the shape"):
        write_dataset(folder / "new.h5", shards, Records(LABELS, TARGETS, GENERATION, SPLIT), ATTRIBUTES)


@pytest.mark.parametrize(
    ("changes", "story"),
    [
        ({"soft_labels": 2 * LABELS}, "not distributions over 2 classes"),
        ({"soft_labels": np.full((len(TARGETS), 3), 1 / 3, np.float32)}, "not distributions over 2 classes"),
        ({"soft_labels": LABELS.astype(np.float64)}, "'soft_labels' is float64 of 2 dimensions"),
    ],
)
def test_records_that_contradict_each_other_are_not_read(folder, changes, story):
    records = Records(LABELS, TARGETS, GENERATION, SPLIT)._replace(**changes)
    write_dataset(folder / "data" / "set.h5", shards_of(folder), records, ATTRIBUTES)
    with pytest.raises(InputError, match=story):
        training_images(folder)


@pytest.mark.parametrize(
    ("kept", "story"), [(np.zeros_like(SPLIT, bool), "has no test images"), (TARGETS == 0, "has no image of class 1")]
)
def test_a_split_without_images_or_without_a_class_is_an_error(folder, kept, story):
    split = np.where((SPLIT == 2) & ~kept, 0, SPLIT).astype(np.uint8)
    write_dataset(
        folder / "data" / "new.h5", shards_of(folder), Records(LABELS, TARGETS, GENERATION, split), ATTRIBUTES
    )
    with pytest.raises(InputError, match=story):
        load_split(folder / "data" / "new.h5", "test", CPU)


def test_nothing_is_left_where_writing_fails(tmp_path):
    with pytest.raises(TypeError):
        write_shard(tmp_path / "a.h5", PIXELS, TARGETS, {"size": object()})
    assert not list(tmp_path.iterdir())


def test_labels_of_another_generation_are_not_those_of_the_images(tmp_path):
    shard, labels, part = tmp_path / "shard.h5", tmp_path / "labels.h5", slice(IMAGES)
    write_shard(shard, PIXELS[part], TARGETS[part], ATTRIBUTES | {"generation": 0}, LABELS[part])
    write_labels(labels, LABELS[part], TARGETS[part], ATTRIBUTES | {"generation": 0})
    assert sum(len(batch.images) for batch in generation_batches([shard], labels, 0, 5)) == IMAGES
    write_labels(labels, LABELS[part], TARGETS[part], ATTRIBUTES | {"generation": 1})
    with pytest.raises(InputError, match=r"labels.h5 is of generation 1, expected 0"):
        next(generation_batches([shard], labels, 0, 5))
